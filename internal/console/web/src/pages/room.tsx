// A room, live: what people see, who they are, and what a moderator can do.
import { GetRoomCommand, type GetRoomResponse } from '@aws-sdk/client-ivschat';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { Composer } from '../chat/composer';
import { type Item, type LiveRoom, staffToken, tokensOf } from '../chat/live-room';
import { MessageList } from '../chat/message-list';
import { useLiveRoom } from '../chat/use-live-room';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { arnOf } from '../confab/rooms';
import { go, idOf, roomPath } from '../confab/router';
import { may, session } from '../confab/session';
import { browser } from '../confab/storage';
import { see } from '../confab/viewers';
import { count } from '../parts/count';
import { isolated } from '../parts/isolated';
import { ConnectionState, Nothing, Show, Trouble } from '../parts/state';
import { TabRows } from '../parts/tab-rows';
import { RoomLog } from './moderation-log';
import { type Asked, type Look, PersonActions, Question, canDelete } from './room-actions';
import { RoomBans } from './room-bans';
import { Details } from './room-details';
import { SendEvent } from './room-event';
import { History } from './room-history';
import { Modes } from './room-modes';
import { People } from './room-people';
import { Traces } from './room-traces';
import { Viewers } from './room-viewers';

export default function Room({ id }: { id: string }) {
  const loaded = useLoad(() => session().ivschat.send(new GetRoomCommand({ identifier: arnOf('room', id) })), [id], 15_000);
  // A room that is deleted, or an access key that is, does not take away what was read and typed.
  const last = useRef<GetRoomResponse>(undefined);
  if (loaded.data) last.current = loaded.data;
  const room = loaded.data ?? (last.current?.id === id ? last.current : undefined);
  const problem = loaded.problem?.kind === 'missing' && room ? { ...loaded.problem, title: 'The room was deleted' } : loaded.problem;
  return <Show title="Room" loaded={{ ...loaded, data: room, problem }}>{(r) => <Live key={r.arn} room={r} reload={loaded.reload} />}</Show>;
}

/** The room of a chat token. */
export function StaffRoom() {
  const arn = session().staff!.roomArn;
  return <Live room={{ arn, id: idOf(arn) }} />;
}

// Live shows a room. reload looks whether the room and the access key are still there.
function Live({ room, reload }: { room: GetRoomResponse; reload?: () => void }) {
  const arn = room.arn!;
  const [asked, setAsked] = useState<Asked>();
  const [tab, setTab] = useState('people');
  const [handled, setHandled] = useState(0);
  const [looked, setLooked] = useState<{ at: string; userId: string; messageId?: string; turn: number }>();
  const about = useRef<HTMLDivElement>(null);
  const look: Look = (at, userId, messageId) => {
    setLooked((before) => ({ at, userId, messageId, turn: (before?.turn ?? 0) + 1 }));
    setTab(at);
    requestAnimationFrame(() => about.current?.scrollIntoView({ block: 'nearest' }));
  };
  const lookedAt = (at: string) => (looked?.at === at ? looked : undefined);
  useEffect(() => {
    document.title = `${isolated(room.name || room.id!)} · Confab`;
  }, [room.name, room.id]);
  const { staff } = session();
  const live = useRef<LiveRoom>(undefined);
  const canChat = !!staff || may('ivschat:CreateChatToken');
  const presence = useLoad(
    async () => (may('confab:GetRoomPresence') ? confab('GetRoomPresence', { roomIdentifier: arn }) : null), [arn], 3000,
  );
  const people = presence.data?.users;
  useEffect(() => {
    if (people !== undefined) see(arn, people);
  }, [arn, presence.data, people]);
  const lost = presence.problem?.kind;
  useEffect(() => {
    if (lost === 'missing' || lost === 'signature') reload?.();
  }, [lost, reload]);
  const viewers = presence.data && `${count(presence.data.users ?? 0, 'person', 'people')}, ${count(presence.data.connections ?? 0, 'connection')}`;
  const tabs = [
    ...(may('confab:ListRoomUsers') ? [{ id: 'people', label: 'People', content: <People arn={arn} ask={setAsked} look={look} /> }] : []),
    ...(may('confab:GetRoomPresence') && !staff ? [{ id: 'viewers', label: 'Viewers', content: <Viewers arn={arn} now={presence.data} /> }] : []),
    ...(may('confab:ListMessages') ? [{ id: 'history', label: 'History', content: <History arn={arn} kept={staff ? 'unknown' : room.tags?.['confab:history']} ask={setAsked} /> }] : []),
    ...(may('confab:GetRoomModes') ? [{ id: 'modes', label: 'Modes', content: <Modes arn={arn} /> }] : []),
    ...(may('confab:ListMessageTraces') ? [{ id: 'traces', label: 'Traces', content: <Traces key={lookedAt('traces')?.turn} arn={arn} of={lookedAt('traces')} /> }] : []),
    ...(may('confab:ListBans') ? [{ id: 'bans', label: 'Bans', content: <RoomBans arn={arn} /> }] : []),
    ...(may('confab:ListModerationEvents') ? [{ id: 'log', label: 'Log', content: <RoomLog key={lookedAt('log')?.turn} arn={arn} userId={lookedAt('log')?.userId} /> }] : []),
    ...(may('ivschat:SendEvent') ? [{ id: 'event', label: 'Event', content: <SendEvent arn={arn} /> }] : []),
    ...(staff ? [] : [{ id: 'details', label: 'Details', content: <Details room={room} /> }]),
  ];
  return (
    <ContentLayout
      header={
        <Header
          variant="h1" description={viewers || undefined}
          actions={may('ivschat:UpdateRoom') && <Button onClick={() => go(`${roomPath(arn)}/edit`)}>Edit</Button>}
        >{room.name || room.id}</Header>
      }
    >
      <div className="room">
        {canChat ? <Chat arn={arn} ask={setAsked} look={look} handled={handled} connected={live} onEnded={reload} onPeople={presence.reload} /> : (
          <Container header={<Header variant="h2">Chat</Header>}>
            <Nothing title="No live chat" text="Your policy does not allow CreateChatToken, which a connection needs. If the room keeps a history, you can read it there." />
          </Container>
        )}
        <div ref={about}>
          <Container>
            <TabRows label="About the room" tabs={tabs} chosen={tab} onChange={(id) => (setTab(id), setLooked(undefined))} />
          </Container>
        </div>
      </div>
      {asked && (
        <Question
          arn={arn} asked={asked} live={staff && live.current}
          onClose={(done) => {
            setAsked(undefined);
            if (done) setHandled((n) => n + 1);
          }}
        />
      )}
    </ContentLayout>
  );
}

const userKey = 'confab-user';

interface ChatProps {
  arn: string;
  ask: (a: Asked) => void;
  look: Look;
  /** Changes when a question was answered: the moderator follows the chat again. */
  handled: number;
  connected: RefObject<LiveRoom | undefined>;
  onEnded?: () => void;
  /** Is called when people may have come or left. */
  onPeople: () => void;
}

function Chat({ arn, ask, look, handled, connected, onEnded, onPeople }: ChatProps) {
  const { staff } = session();
  const [userId, setUser] = useState(staff ? '' : browser.get(userKey) || 'moderator');
  const [name, setName] = useState(userId);
  const [as, setAs] = useState('user');
  const { live, items, total, state, ended, arrivals } = useLiveRoom(`${arn} ${userId} ${staff?.token}`, userId, staff ? staffToken : tokensOf(arn, userId, ['SEND_MESSAGE', 'DELETE_MESSAGE', 'DISCONNECT_USER']));
  connected.current = live;
  useEffect(() => {
    if (ended) onEnded?.();
  }, [ended, onEnded]);
  useEffect(onPeople, [state, arrivals, onPeople]);
  const canSpeak = may('confab:SendMessage');
  const rename = () => {
    const next = name.trim() || 'moderator';
    browser.set(userKey, next);
    setUser(next);
  };
  const remove = (item: Item) => {
    if (canDelete() && item.id && !item.deleted) ask({ kind: 'delete', messageId: item.id, userId: item.userId!, text: item.text });
  };
  return (
    <Container
      header={
        <Header
          variant="h2" actions={
            <form className="chat-as" onSubmit={(e) => (e.preventDefault(), rename())}>
              <ConnectionState state={state} />
              {!staff && <span className="quiet" aria-hidden="true">as</span>}
              {!staff && <Input value={name} ariaLabel="Your user ID in the room" onChange={({ detail }) => setName(detail.value)} onBlur={rename} />}
            </form>
          }
        >Chat</Header>
      }
      footer={
        <Composer
          label="Message" keep={arn} placeholder={as === 'server' ? 'Write as the server' : userId ? `Write as ${userId}` : 'Write a message'} disabled={as === 'user' && state === 'disconnected'}
          send={(text) => (as === 'server' ? confab('SendMessage', { roomIdentifier: arn, userId: 'server', content: text }) : live.send(text))}
        >
          {canSpeak && (
            <div className="composer-as">
              <Select
                ariaLabel="Send as" options={[{ value: 'user', label: userId }, { value: 'server', label: 'Server' }]} selectedOption={{ value: as, label: as === 'server' ? 'Server' : userId }}
                onChange={({ detail }) => setAs(detail.selectedOption.value!)}
              />
            </div>
          )}
        </Composer>
      }
    >
      {ended && <Trouble problem={ended} reload={live.retry} />}
      <MessageList
        label="Messages" items={items} total={total} own={userId} release={handled}
        empty={<Nothing title="No messages yet" text="New messages appear here." />}
        onDelete={remove}
        actions={(item) => item.kind === 'message' && (
          <SpaceBetween direction="horizontal" size="s">
            {canDelete() && !item.deleted && <Button variant="inline-link" onClick={() => remove(item)}>Delete</Button>}
            <PersonActions userId={item.userId!} messageId={item.id} ask={ask} look={look} />
          </SpaceBetween>
        )}
      />
    </Container>
  );
}
