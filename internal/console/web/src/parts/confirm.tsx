import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useState } from 'react';
import { type Problem, problem } from '../confab/problem';
import { Trouble } from './state';

interface Props {
  title: string;
  action: string;
  /** Reports whether the action can be sent. */
  ready?: boolean;
  children: ReactNode;
  run: () => Promise<unknown>;
  onClose: (done: boolean) => void;
}

/** Asks before something is done. What was typed stays when it fails. */
export function Confirm({ title, action, ready = true, children, run, onClose }: Props) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Problem>();
  async function submit() {
    if (busy || !ready) return;
    setBusy(true);
    setTrouble(undefined);
    try {
      await run();
      onClose(true);
    } catch (error) {
      setTrouble(problem(error));
      setBusy(false);
    }
  }
  return (
    <Modal
      visible header={title} onDismiss={() => onClose(false)} closeAriaLabel="Close"
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => onClose(false)}>Cancel</Button>
            <Button variant="primary" loading={busy} disabled={!ready} onClick={submit}>{action}</Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={(e) => (e.preventDefault(), submit())}>
        <SpaceBetween size="m">
          {trouble && <Trouble problem={trouble} />}
          {children}
        </SpaceBetween>
      </form>
    </Modal>
  );
}
