// A window with the chat as one user has it: what the official client gets, and nothing more.
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useEffect } from 'react';
import { Composer } from '../chat/composer';
import { type Loan, borrow } from '../chat/lent';
import { MessageList } from '../chat/message-list';
import { remove, useLiveRoom } from '../chat/use-live-room';
import { useLoad } from '../confab/load';
import { ConnectionState, Nothing, Trouble } from '../parts/state';

export default function ChatWindow() {
  const loaded = useLoad(borrow, []);
  return (
    <main className="chat-window">
      {loaded.data ? <Chat loan={loaded.data.loan} />
        : loaded.problem ? <Alert type="error" header="There is no chat token">{loaded.problem.text}</Alert>
        : <Box textAlign="center"><StatusIndicator type="loading">Loading</StatusIndicator></Box>}
    </main>
  );
}

function Chat({ loan }: { loan: Loan }) {
  const { live, items, total, state, ended } = useLiveRoom('lent', loan.userId, borrow);
  useEffect(() => {
    document.title = `${loan.userId} in ${loan.roomName}`;
  }, [loan]);
  const can = (capability: Loan['capabilities'][number]) => loan.capabilities.includes(capability);
  return (
    <>
      <Header variant="h1" description={`In the room ${loan.roomName}`} actions={<ConnectionState state={state} />}><bdi>{loan.userId}</bdi></Header>
      {ended && <Trouble problem={ended} reload={live.retry} />}
      <MessageList
        label="Messages" items={items} total={total} own={loan.userId} empty={<Nothing title="No messages yet" text="New messages appear here." />}
        actions={can('DELETE_MESSAGE') ? (item) => item.id && !item.deleted && <Button variant="inline-link" ariaLabel={`Delete the message of ${item.userId}`} onClick={() => remove(live, item)}>Delete</Button> : undefined}
        onDelete={can('DELETE_MESSAGE') ? (item) => remove(live, item) : undefined}
      />
      {can('SEND_MESSAGE')
        ? <Composer label="Message" placeholder={`Write as ${loan.userId}`} disabled={state === 'disconnected'} send={(text) => live.send(text)} />
        : <Box color="text-body-secondary">This user can only read.</Box>}
    </>
  );
}
