import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { type Problem, problem } from '../confab/problem';
import { signIn } from '../confab/session';
import { Trouble } from '../parts/state';

export function SignIn({ trouble: before }: { trouble?: Problem }) {
  const [accessKeyId, setId] = useState('');
  const [secretAccessKey, setSecret] = useState('');
  const [remember, setRemember] = useState(false);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(before);
  async function submit() {
    setBusy(true);
    try {
      await signIn({ accessKeyId: accessKeyId.trim(), secretAccessKey: secretAccessKey.trim() }, remember);
    } catch (error) {
      setTrouble(problem(error));
      setBusy(false);
    }
  }
  return (
    <main className="sign-in">
      <form onSubmit={(e) => (e.preventDefault(), submit())}>
        <Container header={<Header variant="h1" description="With an access key of this server. The console shows what its policy allows.">Sign in</Header>}>
          <SpaceBetween size="l">
            {trouble && <Trouble problem={trouble} />}
            <FormField label="Access key ID">
              <Input value={accessKeyId} onChange={({ detail }) => setId(detail.value)} autoComplete="username" name="accessKeyId" autoFocus spellcheck={false} />
            </FormField>
            <FormField label="Secret access key" description="It stays in this page's memory.">
              <Input value={secretAccessKey} onChange={({ detail }) => setSecret(detail.value)} type="password" autoComplete="current-password" name="secretAccessKey" />
            </FormField>
            <Checkbox checked={remember} onChange={({ detail }) => setRemember(detail.checked)} description="Until this tab is closed, also when the page is loaded again.">Keep it in this tab</Checkbox>
            <Button variant="primary" formAction="submit" loading={busy} disabled={!accessKeyId || !secretAccessKey} fullWidth>Sign in</Button>
            <Box variant="small" color="text-body-secondary">
              An administrator makes keys with <Box variant="code">confab credentials create --name moderator --policy policy.json</Box>
            </Box>
          </SpaceBetween>
        </Container>
      </form>
    </main>
  );
}
