import { type ChatTokenCapability, CreateChatTokenCommand } from '@aws-sdk/client-ivschat';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';
import { openChat } from '../chat/lent';
import { useLoad } from '../confab/load';
import { notify } from '../confab/notices';
import { type Problem, problem } from '../confab/problem';
import { allRooms } from '../confab/rooms';
import { idOf } from '../confab/router';
import { session } from '../confab/session';
import { Code } from '../parts/code';
import { snippets } from '../parts/snippets';
import { Trouble } from '../parts/state';

const capabilities = [
  { value: 'SEND_MESSAGE', label: 'Send messages' },
  { value: 'DELETE_MESSAGE', label: 'Delete messages' },
  { value: 'DISCONNECT_USER', label: 'Disconnect users' },
];

export default function Tokens() {
  const rooms = useLoad(allRooms, []);
  const [room, setRoom] = useState('');
  const [userId, setUser] = useState('ann');
  const [minutes, setMinutes] = useState('60');
  const [may, setMay] = useState(['SEND_MESSAGE']);
  const [made, setMade] = useState<{ token: string; text: string }>();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Problem>();
  const options = (rooms.data ?? []).map((r) => ({ value: r.arn!, label: r.name || r.id, description: r.arn }));
  const roomIdentifier = room || options[0]?.value || '';
  const chat = () => {
    const roomName = options.find((o) => o.value === roomIdentifier)?.label ?? idOf(roomIdentifier);
    if (!openChat({ roomArn: roomIdentifier, roomName, userId, capabilities: may as ChatTokenCapability[] })) notify('warning', 'The browser did not open a window', 'Allow this page to open windows.');
  };
  const code = snippets({ roomArn: roomIdentifier, userId, accessKeyId: session().keys.accessKeyId, secretAccessKey: 'YOUR-SECRET-ACCESS-KEY', capabilities: may }).filter((s) => s.id !== 'terraform');
  async function submit() {
    setBusy(true);
    setTrouble(undefined);
    try {
      const answer = await session().ivschat.send(new CreateChatTokenCommand({ roomIdentifier, userId, capabilities: may as ChatTokenCapability[], sessionDurationInMinutes: Number(minutes) }));
      setMade({
        token: answer.token!,
        text: `For ${userId}. It connects once, until ${answer.tokenExpirationTime?.toLocaleTimeString()}; the session ends at ${answer.sessionExpirationTime?.toLocaleTimeString()}.`,
      });
    } catch (error) {
      setTrouble(problem(error));
    }
    setBusy(false);
  }
  return (
    <ContentLayout header={<Header variant="h1" description="A token connects one user to one room, once. Applications make them in their backend.">Chat tokens</Header>}>
      <SpaceBetween size="l">
        {rooms.problem && <Trouble problem={rooms.problem} reload={rooms.reload} />}
        <form onSubmit={(e) => (e.preventDefault(), submit())}>
          <Container
            footer={
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="primary" formAction="submit" loading={busy} disabled={!roomIdentifier || !userId}>Create a token</Button>
                <Button formAction="none" iconName="external" iconAlign="right" disabled={!roomIdentifier || !userId} onClick={chat}>Chat as {userId || 'the user'}</Button>
              </SpaceBetween>
            }
          >
            <SpaceBetween size="l">
              {trouble && <Trouble problem={trouble} />}
              <FormField label="Room">
                <Select
                  options={options} statusType={rooms.loading ? 'loading' : 'finished'} empty="There is no room" filteringType="auto" placeholder="Choose a room"
                  selectedOption={roomIdentifier ? options.find((o) => o.value === roomIdentifier) ?? { value: roomIdentifier, label: idOf(roomIdentifier) } : null} onChange={({ detail }) => setRoom(detail.selectedOption.value!)}
                />
              </FormField>
              <FormField label="User ID"><Input value={userId} onChange={({ detail }) => setUser(detail.value)} /></FormField>
              <FormField label="The user may" description="Everybody may read.">
                <Multiselect options={capabilities} selectedOptions={capabilities.filter((c) => may.includes(c.value))} placeholder="Read only" onChange={({ detail }) => setMay(detail.selectedOptions.map((o) => o.value!))} />
              </FormField>
              <FormField label="Length of the session in minutes" constraintText="1 to 180"><Input type="number" value={minutes} onChange={({ detail }) => setMinutes(detail.value)} /></FormField>
            </SpaceBetween>
          </Container>
        </form>
        {made && (
          <Container header={<Header variant="h2" description={made.text}>Token</Header>}>
            <Code text={made.token} label="the token" />
          </Container>
        )}
        {roomIdentifier && (
          <Container header={<Header variant="h2" description="What makes such tokens, and what connects with them.">Code</Header>}>
            <Tabs ariaLabel="Languages" tabs={code.map((s) => ({ id: s.id, label: s.title, content: <Code text={s.text} label={`code for ${s.title}`} /> }))} />
          </Container>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}
