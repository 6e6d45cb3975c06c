// Sends a test record with a logging configuration, and says what came of it and where to look.
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import { useLoad } from '../confab/load';
import { page } from '../confab/page';
import { may } from '../confab/session';
import { type Delivery, type Kind, deliveryOf, placeOf, sendTestRecord, type TestRecord as Sent } from '../confab/test-record';
import { Code } from './code';
import { count } from './count';
import { Show } from './state';

interface Props {
  arn: string;
  name: string;
  kind: Kind;
  /** The name of the destination, and what such a name is called. */
  target: string;
  field: string;
  onClose: () => void;
}

export function TestRecord({ arn, name, kind, target, field, onClose }: Props) {
  const [turn, setTurn] = useState(0);
  const sent = useLoad(() => sendTestRecord(arn), [arn, turn]);
  return (
    <Modal
      visible header={`Test record of ${name}`} onDismiss={onClose} closeAriaLabel="Close"
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={sent.loading} onClick={() => setTurn(turn + 1)}>Send another</Button>
            <Button variant="primary" onClick={onClose}>Close</Button>
          </SpaceBetween>
        </Box>
      }
    >
      <Show loaded={sent}>
        {(record) => (
          <SpaceBetween size="m">
            {record.left && <Alert type="warning">{record.left}</Alert>}
            <Box>A temporary room was created, got one event, and was deleted. Its record is delivered as those of other rooms are.</Box>
            {may('confab:GetMetrics')
              ? <Watch key={record.eventId} arn={arn} kind={kind} record={record} />
              : <Box color="text-body-secondary">This access key may not read metrics, so the page cannot see whether the record arrives.</Box>}
            <Place kind={kind} target={target} field={field} record={record} />
          </SpaceBetween>
        )}
      </Show>
    </Modal>
  );
}

function Watch({ arn, kind, record }: { arn: string; kind: Kind; record: Sent }) {
  const loaded = useLoad(() => deliveryOf(arn, kind, record), [], 3000);
  return <Show loaded={loaded}>{(delivery) => <div role="status" aria-label="Delivery"><Said delivery={delivery} arn={arn} kind={kind} /></div>}</Show>;
}

function Said({ delivery: { state, failures, denied, missing, uncounted }, arn, kind }: { delivery: Delivery; arn: string; kind: Kind }) {
  const calls = count(failures, 'call');
  const cause = denied ? 'The destination denies access.' : missing ? 'The destination does not exist.' : 'The log of the server says why.';
  const check = <>Where the server runs, <Box variant="code">confab logging check {arn}</Box> explains it.</>;
  switch (state) {
    case 'delivered': return <StatusIndicator>The record is delivered{failures > 0 ? `, after ${calls} that failed` : ''}</StatusIndicator>;
    case 'dropped': return <SpaceBetween size="xs"><StatusIndicator type="error">A record was dropped</StatusIndicator><Box>{cause} {check}</Box></SpaceBetween>;
    case 'failing': return <SpaceBetween size="xs"><StatusIndicator type="error">The delivery fails</StatusIndicator><Box>{calls} failed so far; the server tries again. {cause} {check}</Box></SpaceBetween>;
    default: return (
      <SpaceBetween size="xs">
        <StatusIndicator type="in-progress">The record is on its way</StatusIndicator>
        <Box color="text-body-secondary">
          {kind === 's3' ? 'The server writes an object of a room every 5 minutes, or as --s3-log-interval says.' : 'The server delivers after 5 seconds, or as --log-flush-interval says.'} You can close this; the record is delivered all the same.
        </Box>
        {uncounted && <Alert type="info">The server counts the errors of 64 logging configurations, and this is not one of them. If the delivery fails, only the log of the server says so. {check}</Alert>}
      </SpaceBetween>
    );
  }
}

function Place({ kind, target, field, record }: { kind: Kind; target: string; field: string; record: Sent }) {
  const { label, text } = placeOf(kind, record);
  return (
    <SpaceBetween size="s">
      <KeyValuePairs columns={2} items={[{ label: field, value: target }, { label: 'ID of the event', value: record.eventId }]} />
      <div>
        <Box variant="awsui-key-label">{label}</Box>
        <Code text={text} label="where the record is" />
      </div>
      {page.dev && <Box variant="small" color="text-body-secondary">With --dev, destinations are folders: chat-logs/{kind}/{target} in the data directory.</Box>}
    </SpaceBetween>
  );
}
