// The first minute: two people chat in the demo room, through the official client.
import { ListRoomsCommand } from '@aws-sdk/client-ivschat';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import Button from '@cloudscape-design/components/button';
import { useEffect, useRef } from 'react';
import { Composer } from '../chat/composer';
import { tokensOf } from '../chat/live-room';
import { MessageList } from '../chat/message-list';
import { remove, useLiveRoom } from '../chat/use-live-room';
import { useLoad } from '../confab/load';
import { go, roomPath } from '../confab/router';
import { session } from '../confab/session';
import { tab } from '../confab/storage';
import { Code } from '../parts/code';
import { backendCode, browserCode, cliCode } from '../parts/snippets';
import { ConnectionState, Nothing, Show, Trouble } from '../parts/state';

const greeted = 'confab-greeted';

export default function Start() {
  const room = useLoad(async () => {
    const { ivschat } = session();
    const named = await ivschat.send(new ListRoomsCommand({ name: 'demo' }));
    return (named.rooms ?? [])[0] ?? (await ivschat.send(new ListRoomsCommand({ maxResults: 1 }))).rooms?.[0] ?? null;
  }, []);
  return (
    <ContentLayout header={<Header variant="h1" description="Two people in one room, each with Amazon's own JavaScript client. Write as either of them.">Ann and Bob chat</Header>}>
      <Show loaded={room}>
        {(found) => (found?.arn ? <Demo arn={found.arn} name={found.name || 'the room'} /> : <Container><Nothing title="There is no room" text="Create a room: then two people chat on this page." action={<Button onClick={() => go('#/rooms/new')}>Create a room</Button>} /></Container>)}
      </Show>
    </ContentLayout>
  );
}

function Demo({ arn, name }: { arn: string; name: string }) {
  const { keys } = session();
  const ann = useLiveRoom(`${arn} ann`, 'ann', tokensOf(arn, 'ann', ['SEND_MESSAGE', 'DELETE_MESSAGE', 'DISCONNECT_USER']));
  const bob = useLiveRoom(`${arn} bob`, 'bob', tokensOf(arn, 'bob', ['SEND_MESSAGE']));
  const both = ann.state === 'connected' && bob.state === 'connected';
  const asked = useRef(false);
  useEffect(() => {
    if (!both || asked.current || tab.get(greeted)) return;
    asked.current = true;
    tab.set(greeted, 'yes');
    ann.live.send('Hi Bob! This is the demo room. 👋').then(() => bob.live.send('Hi Ann! I see your messages at once.')).catch(() => undefined);
  }, [both]);
  const values = { roomArn: arn, userId: 'ann', ...keys };
  return (
    <SpaceBetween size="l">
      <div className="people">
        <Person name="Ann" note="She can delete messages: select one." person={ann} canDelete />
        <Person name="Bob" note="He can send messages." person={bob} />
      </div>
      <Container header={<Header variant="h2" description="The same code works with Amazon IVS Chat. Only the endpoint differs.">The code for this</Header>}>
        <Tabs
          ariaLabel="Code"
          tabs={[
            { id: 'browser', label: 'Web page', content: <Code label="code of the web page" text={browserCode(values)} /> },
            { id: 'backend', label: 'Backend', content: <Code label="code of the backend" text={backendCode(values)} /> },
            { id: 'cli', label: 'AWS CLI', content: <Code label="lines for a shell" text={cliCode(values)} /> },
          ]}
        />
        <Box padding={{ top: 's' }} color="text-body-secondary">
          Paste the lines of AWS CLI into a shell: the event appears above. <Link href="#/quick-start">Quick start</Link> has Python, Go, Terraform, Android and iOS. <Link href={roomPath(arn)}>Open {name}</Link> as a moderator sees it.
        </Box>
      </Container>
    </SpaceBetween>
  );
}

function Person({ name, note, person, canDelete }: { name: string; note: string; person: ReturnType<typeof useLiveRoom>; canDelete?: boolean }) {
  const { live, items, total, state, ended } = person;
  return (
    <Container
      fitHeight
      header={<Header variant="h2" description={note} actions={<ConnectionState state={state} />}>{name}</Header>}
      footer={<Composer label={`Message as ${name}`} placeholder={`Write as ${name}`} disabled={state !== 'connected'} send={(text) => live.send(text)} />}
    >
      {ended && <Trouble problem={ended} reload={live.retry} />}
      <MessageList
        label={`Messages that ${name} sees`} items={items} total={total} own={live.userId}
        empty={<Nothing title="No messages yet" text="New messages appear here." />}
        actions={canDelete ? (item) => item.id && !item.deleted && <Button variant="inline-link" onClick={() => remove(live, item)} ariaLabel={`Delete the message of ${item.userId}`}>Delete</Button> : undefined}
        onDelete={canDelete ? (item) => remove(live, item) : undefined}
      />
    </Container>
  );
}
