// Removes what a person wrote, for good, and says which delivered chat logs have it as well.
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useEffect, useRef, useState } from 'react';
import { confab } from '../confab/call';
import type { EraseUserOutput } from '../confab/operations';
import { useSubmit } from '../confab/submit';
import { Confirm } from '../parts/confirm';
import { count } from '../parts/count';
import { isolated } from '../parts/isolated';
import { RoomChoice } from '../parts/room-choice';
import { Nothing, Trouble } from '../parts/state';
import { When } from '../parts/when';

interface Erasure {
  userId: string;
  answer?: EraseUserOutput;
}

export default function EraseUser() {
  const [userId, setUser] = useState('');
  const [room, setRoom] = useState('');
  const [asking, setAsking] = useState(false);
  const [erasure, setErasure] = useState<Erasure>();
  const left = useRef(false);
  useEffect(() => {
    left.current = false;
    return () => {
      left.current = true;
    };
  }, []);
  // The operation does a part at each call, and is called until it is done.
  const { busy, trouble, submit } = useSubmit(async () => {
    const of = { userId, roomIdentifier: room || undefined };
    setErasure({ userId });
    for (let answer: EraseUserOutput = {}; answer.status !== 'DONE' && !left.current;) {
      answer = await confab('EraseUser', of);
      setErasure({ userId, answer });
    }
  });
  return (
    <ContentLayout header={<Header variant="h1" description="Removes the messages of a person from the history and the memory of rooms, for good. Bans stay.">Erase a user</Header>}>
      <SpaceBetween size="l">
        <form onSubmit={(e) => (e.preventDefault(), userId && setAsking(true))}>
          <Container footer={<Button variant="primary" formAction="submit" disabled={!userId} loading={busy}>Erase</Button>}>
            <SpaceBetween size="l">
              <FormField label="User ID" description="Everyone who uses this user ID is affected."><Input value={userId} onChange={({ detail }) => setUser(detail.value)} disabled={busy} /></FormField>
              <RoomChoice arn={room} onChange={setRoom} />
            </SpaceBetween>
          </Container>
        </form>
        {trouble && <Trouble problem={trouble} reload={submit} />}
        {erasure && <Result erasure={erasure} busy={busy} />}
      </SpaceBetween>
      {asking && (
        <Sure
          userId={userId} onClose={(sure) => {
            setAsking(false);
            if (sure) submit();
          }}
        />
      )}
    </ContentLayout>
  );
}

function Sure({ userId, onClose }: { userId: string; onClose: (sure: boolean) => void }) {
  const [typed, setTyped] = useState('');
  return (
    <Confirm title={`Erase ${isolated(userId)}`} action="Erase" ready={typed === userId} run={async () => undefined} onClose={onClose}>
      <Alert type="warning">The messages cannot be brought back. People in the rooms see that they are deleted.</Alert>
      <FormField label={`To confirm, type ${isolated(userId)}`}><Input value={typed} onChange={({ detail }) => setTyped(detail.value)} placeholder={userId} autoFocus /></FormField>
    </Confirm>
  );
}

function Result({ erasure: { userId, answer }, busy }: { erasure: Erasure; busy: boolean }) {
  const { messages = 0, logObjects = [], status } = answer ?? {};
  const removed = `${count(messages, 'message')} removed`;
  return (
    <Container header={<Header variant="h2">Result</Header>}>
      <SpaceBetween size="l">
        <div role="status" aria-label="Erasure">
          {status === 'DONE' ? <StatusIndicator><bdi>{userId}</bdi> is erased: {removed}</StatusIndicator>
            : busy ? <StatusIndicator type="in-progress">{removed} so far</StatusIndicator>
            : <StatusIndicator type="warning">Not finished: {removed} so far. Erase the user again to continue.</StatusIndicator>}
        </div>
        {status === 'DONE' && (
          <Table
            variant="embedded" items={logObjects} ariaLabels={{ tableLabel: 'Chat logs' }} wrapLines
            header={<Header variant="h3" description="Confab does not change what was delivered. Delete it at the destination.">Chat logs with messages of the user</Header>}
            empty={<Nothing title="No chat logs" text="No delivered chat log is known to have messages of this user." />}
            columnDefinitions={[
              { id: 'destination', header: 'Destination', isRowHeader: true, cell: (o) => o.destination },
              { id: 'prefix', header: 'Prefix or log stream', cell: (o) => (o.prefix ? <Box variant="code">{o.prefix}</Box> : '–') },
              { id: 'from', header: 'From', cell: (o) => <When at={o.startTime} /> },
              { id: 'to', header: 'To', cell: (o) => <When at={o.endTime} /> },
            ]}
          />
        )}
      </SpaceBetween>
    </Container>
  );
}
