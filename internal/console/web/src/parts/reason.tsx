import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { type ReactNode, useState } from 'react';
import { Confirm } from './confirm';
import { Lasts, type Time, secondsOf, tenMinutes, untilLifted, valid } from './lasts';

interface Props {
  title: string;
  action: string;
  /** Whether it also asks for a time. */
  timed?: boolean;
  children?: ReactNode;
  run: (reason: string | undefined, seconds: number | undefined) => Promise<unknown>;
  onClose: (done: boolean) => void;
}

/** Asks for the reason of what a moderator does, which may be empty, and for how long. */
export function Reason({ title, action, timed, children, run, onClose }: Props) {
  const [reason, setReason] = useState('');
  const [time, setTime] = useState<Time>(tenMinutes);
  return (
    <Confirm title={title} action={action} ready={valid(time)} run={() => run(reason || undefined, timed ? secondsOf(time) : undefined)} onClose={onClose}>
      {children}
      {timed && <Lasts time={time} onChange={setTime} endless={untilLifted} />}
      <FormField label="Reason" description={timed ? 'The user may see it.' : 'Everybody in the room may see it.'}>
        <Input value={reason} onChange={({ detail }) => setReason(detail.value)} autoFocus placeholder="None" />
      </FormField>
    </Confirm>
  );
}
