import { type ChatTokenCapability, CreateChatTokenCommand } from '@aws-sdk/client-ivschat';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';
import { openChat } from '../chat/lent';
import { notify } from '../confab/notices';
import { idOf } from '../confab/router';
import { session } from '../confab/session';
import { useSubmit } from '../confab/submit';
import { type Attribute, Attributes, attributesOf } from '../parts/attributes';
import { Code } from '../parts/code';
import { isolated } from '../parts/isolated';
import { RoomSelect, useRooms } from '../parts/room-choice';
import { snippets } from '../parts/snippets';
import { Trouble } from '../parts/state';
import { when } from '../parts/when';

const capabilities = [
  { value: 'SEND_MESSAGE', label: 'Send messages' },
  { value: 'DELETE_MESSAGE', label: 'Delete messages' },
  { value: 'DISCONNECT_USER', label: 'Disconnect users' },
] as const;

export default function Tokens() {
  const rooms = useRooms();
  const [room, setRoom] = useState('');
  const [userId, setUser] = useState('ann');
  const [minutes, setMinutes] = useState('60');
  const [allowed, setAllowed] = useState<ChatTokenCapability[]>(['SEND_MESSAGE']);
  const [list, setList] = useState<Attribute[]>([]);
  const [made, setMade] = useState<{ token: string; text: string }>();
  const roomArn = room || rooms.data?.[0]?.value || '';
  const attributes = attributesOf(list);
  const chat = () => {
    const roomName = rooms.data?.find((o) => o.value === roomArn)?.label ?? idOf(roomArn);
    if (!openChat({ roomArn, roomName, userId, capabilities: allowed, attributes })) notify('warning', 'The browser did not open a window', 'Allow this page to open windows.');
  };
  const code = snippets({ roomArn, userId, accessKeyId: session().keys.accessKeyId, secretAccessKey: 'YOUR-SECRET-ACCESS-KEY', capabilities: allowed }).filter((s) => s.id !== 'terraform');
  const { busy, trouble, onSubmit } = useSubmit(async () => {
    const answer = await session().ivschat.send(new CreateChatTokenCommand({ roomIdentifier: roomArn, userId, capabilities: allowed, attributes, sessionDurationInMinutes: Number(minutes) }));
    setMade({ token: answer.token!, text: `For ${isolated(userId)}. It connects once, until ${when(answer.tokenExpirationTime!)}. The session ends at ${when(answer.sessionExpirationTime!)}.` });
  });
  return (
    <ContentLayout header={<Header variant="h1" description="A token connects one user to one room, once. Applications make tokens in their backend.">Chat tokens</Header>}>
      <SpaceBetween size="l">
        <form onSubmit={onSubmit}>
          <Container
            footer={
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="primary" formAction="submit" loading={busy} disabled={!roomArn || !userId}>Create a token</Button>
                <Button formAction="none" iconName="external" iconAlign="right" disabled={!roomArn || !userId} onClick={chat}>Chat as {userId ? isolated(userId) : 'the user'}</Button>
              </SpaceBetween>
            }
          >
            <SpaceBetween size="l">
              {trouble && <Trouble problem={trouble} />}
              <RoomSelect arn={roomArn} onChange={setRoom} rooms={rooms} />
              <FormField label="User ID"><Input value={userId} onChange={({ detail }) => setUser(detail.value)} /></FormField>
              <FormField label="The user can" description="Every user can read.">
                <Multiselect
                  options={capabilities} selectedOptions={capabilities.filter((c) => allowed.includes(c.value))} placeholder={allowed.length > 0 ? 'Choose more' : 'Only read'} deselectAriaLabel={(o) => `Remove ${o.label}`}
                  onChange={({ detail }) => setAllowed(detail.selectedOptions.map((o) => o.value as ChatTokenCapability))}
                />
              </FormField>
              <FormField label="Length of the session in minutes" constraintText="1 to 180"><Input type="number" value={minutes} onChange={({ detail }) => setMinutes(detail.value)} /></FormField>
              <ExpandableSection headerText={list.length > 0 ? `Attributes (${list.length})` : 'Attributes'}>
                <SpaceBetween size="s">
                  <Box color="text-body-secondary">They go with each message of the user, such as a display name.</Box>
                  <Attributes list={list} onChange={setList} />
                </SpaceBetween>
              </ExpandableSection>
            </SpaceBetween>
          </Container>
        </form>
        {made && (
          <Container header={<Header variant="h2" description={made.text}>Token</Header>}>
            <Code text={made.token} label="the token" />
          </Container>
        )}
        {roomArn && (
          <Container header={<Header variant="h2" description="What makes such tokens, and what connects with them.">Code</Header>}>
            <Tabs ariaLabel="Languages" tabs={code.map((s) => ({ id: s.id, label: s.title, content: <Code text={s.text} label={`code for ${s.title}`} /> }))} />
          </Container>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}
