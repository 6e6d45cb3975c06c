import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { webhookEvents } from '../confab/operations';
import { type Problem, problem } from '../confab/problem';
import { allRooms } from '../confab/rooms';
import { go } from '../confab/router';
import { Secret } from '../parts/secret';
import { Trouble } from '../parts/state';

const help: Record<string, string> = {
  'user.joined': 'Best effort', 'user.left': 'Best effort', 'presence.reset': 'Events of who joined or left may be missing: ask for all three together',
};
const events = webhookEvents.map((value) => ({ value, label: value, description: help[value] }));

export default function NewWebhook() {
  const [name, setName] = useState('');
  const [url, setUrl] = useState('');
  const [chosen, setChosen] = useState(['message.sent']);
  const [scope, setScope] = useState('every');
  const [rooms, setRooms] = useState<string[]>([]);
  const [tag, setTag] = useState({ key: '', value: '' });
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Problem>();
  const [secret, setSecret] = useState<string>();
  const all = useLoad(allRooms, []);
  const options = (all.data ?? []).map((r) => ({ value: r.arn!, label: r.name || r.id!, description: r.id }));
  const ready = name && url && chosen.length > 0 && (scope !== 'rooms' || rooms.length > 0) && (scope !== 'tag' || tag.key);
  async function submit() {
    setBusy(true);
    setTrouble(undefined);
    try {
      const { secret: made } = await confab('CreateWebhook', {
        name, url, events: chosen, roomIdentifiers: scope === 'rooms' ? rooms : undefined, roomTag: scope === 'tag' ? tag : undefined,
      });
      setSecret(made);
    } catch (error) {
      setTrouble(problem(error));
    }
    setBusy(false);
  }
  return (
    <ContentLayout header={<Header variant="h1">Create a webhook</Header>}>
      <form onSubmit={(e) => (e.preventDefault(), submit())}>
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => go('#/webhooks')}>Cancel</Button>
              <Button variant="primary" formAction="submit" loading={busy} disabled={!ready}>Create</Button>
            </SpaceBetween>
          }
        >
          <Container>
            <SpaceBetween size="l">
              {trouble && <Trouble problem={trouble} />}
              <FormField label="Name"><Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus /></FormField>
              <FormField label="URL" description="Calls are a POST, signed as Standard Webhooks says." stretch><Input type="url" value={url} onChange={({ detail }) => setUrl(detail.value)} placeholder="https://app.example.com/chat" /></FormField>
              <FormField label="Events" stretch>
                <Multiselect
                  options={events} selectedOptions={events.filter((e) => chosen.includes(e.value))} placeholder="Choose events" deselectAriaLabel={(o) => `Remove ${o.label}`}
                  onChange={({ detail }) => setChosen(detail.selectedOptions.map((o) => o.value!))}
                />
              </FormField>
              <FormField label="Rooms">
                <RadioGroup
                  value={scope} onChange={({ detail }) => setScope(detail.value)}
                  items={[{ value: 'every', label: 'Every room' }, { value: 'rooms', label: 'Some rooms' }, { value: 'tag', label: 'Rooms with a tag' }]}
                />
              </FormField>
              {scope === 'rooms' && (
                <FormField label="Some rooms" errorText={all.problem?.title} stretch>
                  <Multiselect
                    options={options} selectedOptions={options.filter((o) => rooms.includes(o.value))} statusType={all.data ? 'finished' : 'loading'} filteringType="auto" placeholder="Choose rooms"
                    empty="There is no room" deselectAriaLabel={(o) => `Remove ${o.label}`} onChange={({ detail }) => setRooms(detail.selectedOptions.map((o) => o.value!))}
                  />
                </FormField>
              )}
              {scope === 'tag' && (
                <SpaceBetween size="l">
                  <FormField label="Key of the tag"><Input value={tag.key} onChange={({ detail }) => setTag({ ...tag, key: detail.value })} /></FormField>
                  <FormField label="Value of the tag"><Input value={tag.value} onChange={({ detail }) => setTag({ ...tag, value: detail.value })} /></FormField>
                </SpaceBetween>
              )}
            </SpaceBetween>
          </Container>
        </Form>
      </form>
      {secret && <Secret title={`The secret of ${name}`} parts={[{ label: 'Secret', text: secret }]} onClose={() => go('#/webhooks')} />}
    </ContentLayout>
  );
}
