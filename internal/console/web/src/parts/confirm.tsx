import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import { useSubmit } from '../confab/submit';
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
  const { busy, trouble, submit, onSubmit } = useSubmit(async () => {
    if (!ready) return;
    await run();
    onClose(true);
  });
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
      <form onSubmit={onSubmit}>
        <SpaceBetween size="m">
          {trouble && <Trouble problem={trouble} />}
          {children}
        </SpaceBetween>
      </form>
    </Modal>
  );
}
