import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useState } from 'react';
import { type Problem, problem } from '../confab/problem';
import { Trouble } from './state';

interface Props {
  title: string;
  action: string;
  children?: ReactNode;
  run: (reason: string | undefined) => Promise<unknown>;
  onClose: () => void;
}

/** Asks for the reason of what a moderator does, which may be empty. */
export function Reason({ title, action, children, run, onClose }: Props) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Problem>();
  async function submit() {
    setBusy(true);
    try {
      await run(reason || undefined);
      onClose();
    } catch (error) {
      setTrouble(problem(error));
      setBusy(false);
    }
  }
  return (
    <Modal
      visible header={title} onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>Cancel</Button>
            <Button variant="primary" loading={busy} onClick={submit}>{action}</Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={(e) => (e.preventDefault(), submit())}>
        <SpaceBetween size="m">
          {trouble && <Trouble problem={trouble} />}
          {children}
          <FormField label="Reason" description="Everybody in the room may see it."><Input value={reason} onChange={({ detail }) => setReason(detail.value)} autoFocus placeholder="None" /></FormField>
        </SpaceBetween>
      </form>
    </Modal>
  );
}
