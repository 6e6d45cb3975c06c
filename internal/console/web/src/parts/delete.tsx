import Alert from '@cloudscape-design/components/alert';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { useState } from 'react';
import { notify } from '../confab/notices';
import { Confirm } from './confirm';
import { isolated } from './isolated';

interface Props {
  /** Such as "room". */
  kind: string;
  name: string;
  warning: string;
  remove: () => Promise<unknown>;
  onClose: (deleted: boolean) => void;
}

/** Asks for the name of what is deleted. */
export function Delete({ kind, name, warning, remove, onClose }: Props) {
  const [typed, setTyped] = useState('');
  const run = async () => {
    await remove();
    notify('success', `The ${kind} ${isolated(name)} was deleted`);
  };
  return (
    <Confirm title={`Delete ${isolated(name)}`} action="Delete" ready={typed === name} run={run} onClose={onClose}>
      <Alert type="warning">{warning}</Alert>
      <FormField label={`To confirm, type ${isolated(name)}`}>
        <Input value={typed} onChange={({ detail }) => setTyped(detail.value)} placeholder={name} autoFocus ariaRequired />
      </FormField>
    </Confirm>
  );
}
