import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { notify } from '../confab/notices';
import { type Problem, problem } from '../confab/problem';
import { Trouble } from './state';

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
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Problem>();
  async function submit() {
    if (typed !== name || busy) return;
    setBusy(true);
    try {
      await remove();
      notify('success', `The ${kind} ${name} was deleted`);
      onClose(true);
    } catch (error) {
      setTrouble(problem(error));
      setBusy(false);
    }
  }
  return (
    <Modal
      visible header={`Delete ${name}`} onDismiss={() => onClose(false)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => onClose(false)}>Cancel</Button>
            <Button variant="primary" disabled={typed !== name} loading={busy} onClick={submit}>Delete</Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={(e) => (e.preventDefault(), submit())}>
        <SpaceBetween size="m">
          <Alert type="warning">{warning}</Alert>
          {trouble && <Trouble problem={trouble} />}
          <FormField label={`To confirm, type ${name}`}>
            <Input value={typed} onChange={({ detail }) => setTyped(detail.value)} placeholder={name} autoFocus ariaRequired />
          </FormField>
        </SpaceBetween>
      </form>
    </Modal>
  );
}
