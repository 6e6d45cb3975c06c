import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import type { Problem } from '../confab/problem';
import { arnOf } from '../confab/rooms';
import { go, roomPath } from '../confab/router';
import { askAgain, signIn, signInStaff, useSession } from '../confab/session';
import { useSubmit } from '../confab/submit';
import { Trouble } from '../parts/state';

// roomOf is the room that the address names, or the one of a page that was open before.
function roomOf(): string {
  return /^#\/rooms\/([^/]+)$/.exec(location.hash)?.[1] ?? '';
}

/** What one signs in with. */
function Fields({ trouble: before }: { trouble?: Problem }) {
  const [by, setBy] = useState(useSession()?.staff ? 'token' : 'key');
  const [accessKeyId, setId] = useState('');
  const [secretAccessKey, setSecret] = useState('');
  const [sessionToken, setSessionToken] = useState('');
  const [room, setRoom] = useState(roomOf);
  const [token, setToken] = useState('');
  const [remember, setRemember] = useState(false);
  const ready = by === 'key' ? accessKeyId && secretAccessKey : room && token;
  const { busy, trouble, onSubmit, forget } = useSubmit(async () => {
    if (!ready) return;
    if (by === 'key') {
      await signIn({ accessKeyId: accessKeyId.trim(), secretAccessKey: secretAccessKey.trim(), ...(sessionToken.trim() && { sessionToken: sessionToken.trim() }) }, remember);
      return;
    }
    const named = room.trim();
    const arn = named.startsWith('arn:') ? named : arnOf('room', named);
    await signInStaff(arn, token.trim());
    go(roomPath(arn));
  }, before);
  return (
    <form onSubmit={onSubmit}>
      <SpaceBetween size="l">
        {trouble && <Trouble problem={{ ...trouble, kind: 'other' }} />}
        <SegmentedControl
          label="Sign in with" selectedId={by} onChange={({ detail }) => (setBy(detail.selectedId), forget())}
          options={[{ id: 'key', text: 'Access key' }, { id: 'token', text: 'Chat token of a room' }]}
        />
        {by === 'key' ? (
          <SpaceBetween size="l">
            <FormField label="Access key ID">
              <Input value={accessKeyId} onChange={({ detail }) => setId(detail.value)} autoComplete="username" name="accessKeyId" autoFocus spellcheck={false} />
            </FormField>
            <FormField label="Secret access key" description="It stays in this page's memory.">
              <Input value={secretAccessKey} onChange={({ detail }) => setSecret(detail.value)} type="password" autoComplete="current-password" name="secretAccessKey" />
            </FormField>
            <FormField label="Session token" description="Only of an access key that expires.">
              <Input value={sessionToken} onChange={({ detail }) => setSessionToken(detail.value)} type="password" autoComplete="off" name="sessionToken" placeholder="None" />
            </FormField>
            <Checkbox checked={remember} onChange={({ detail }) => setRemember(detail.checked)} description="Until this tab is closed, also when the page is loaded again.">Keep it in this tab</Checkbox>
          </SpaceBetween>
        ) : (
          <SpaceBetween size="l">
            <FormField label="Room" description="Its ID or ARN."><Input value={room} onChange={({ detail }) => setRoom(detail.value)} spellcheck={false} /></FormField>
            <FormField label="Chat token" description="Of a moderator of the room, not used yet. It stays in this page's memory.">
              <Input value={token} onChange={({ detail }) => setToken(detail.value)} type="password" autoComplete="off" name="chatToken" />
            </FormField>
          </SpaceBetween>
        )}
        <Button variant="primary" formAction="submit" loading={busy} disabled={!ready} fullWidth>Sign in</Button>
        <Box variant="small" color="text-body-secondary">
          {by === 'key'
            ? <>An administrator makes keys with <Box variant="code">confab credentials create</Box></>
            : <>An application gives its moderators tokens with DELETE_MESSAGE or DISCONNECT_USER, or <Box variant="code">confab token create ROOM --as USER --can delete,disconnect</Box></>}
        </Box>
      </SpaceBetween>
    </form>
  );
}

export function SignIn({ trouble }: { trouble?: Problem }) {
  return (
    <main className="sign-in">
      <Container header={<Header variant="h1" description="The console shows what you are allowed.">Sign in</Header>}><Fields trouble={trouble} /></Container>
    </main>
  );
}

/** Asks for another key over the page, on which everything stays. */
export function SignInAgain() {
  return <Modal visible header="Sign in again" onDismiss={() => askAgain(false)} closeAriaLabel="Close"><Fields /></Modal>;
}
