import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { Code } from './code';

interface Props {
  title: string;
  parts: { label: string; text: string }[];
  onClose: () => void;
}

/** Shows secrets once. */
export function Secret({ title, parts, onClose }: Props) {
  return (
    <Modal
      visible header={title} onDismiss={onClose} closeAriaLabel="Close"
      footer={<Box float="right"><Button variant="primary" onClick={onClose}>I have stored it</Button></Box>}
    >
      <SpaceBetween size="m">
        <Alert type="warning">The server does not show this again.</Alert>
        {parts.map((p) => (
          <div key={p.label}>
            <Box variant="awsui-key-label">{p.label}</Box>
            <Code text={p.text} label={p.label.toLowerCase()} />
          </div>
        ))}
      </SpaceBetween>
    </Modal>
  );
}
