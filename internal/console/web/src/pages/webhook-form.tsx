import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { notify } from '../confab/notices';
import { type Webhook, webhookEvents } from '../confab/operations';
import { go } from '../confab/router';
import { FormPage } from '../parts/form-page';
import { RoomsChoice } from '../parts/room-choice';
import { Secret } from '../parts/secret';
import { Show } from '../parts/state';

const help: Record<string, string> = {
  'user.joined': 'Best effort', 'user.left': 'Best effort', 'presence.reset': 'Events of who joined or left may be missing: ask for all three together',
};
const events = webhookEvents.map((value) => ({ value, label: value, description: help[value] }));

export default function NewWebhook() {
  return <WebhookForm webhook={{}} />;
}

export function EditWebhook({ id }: { id: string }) {
  const loaded = useLoad(() => confab('GetWebhook', { id }), [id]);
  return <Show title="Edit a webhook" loaded={loaded}>{(webhook) => <WebhookForm key={webhook.id} webhook={webhook} />}</Show>;
}

const scopeOf = ({ roomTag, roomArns = [] }: Webhook) => (roomTag ? 'tag' : roomArns.length > 0 ? 'rooms' : 'every');

function WebhookForm({ webhook: w }: { webhook: Webhook }) {
  const [name, setName] = useState(w.name ?? '');
  const [url, setUrl] = useState(w.url ?? '');
  const [chosen, setChosen] = useState(w.events ?? ['message.sent']);
  const [scope, setScope] = useState(scopeOf(w));
  const [rooms, setRooms] = useState(w.roomArns ?? []);
  const [tag, setTag] = useState({ key: w.roomTag?.key ?? '', value: w.roomTag?.value ?? '' });
  const [secret, setSecret] = useState<string>();
  const ready = !!name && !!url && chosen.length > 0 && (scope !== 'rooms' || rooms.length > 0) && (scope !== 'tag' || !!tag.key);
  async function submit() {
    const members = { name, url, events: chosen, roomIdentifiers: scope === 'rooms' ? rooms : undefined, roomTag: scope === 'tag' ? tag : undefined };
    if (!w.id) return setSecret((await confab('CreateWebhook', members)).secret);
    // No rooms and no tag leave the webhook as it is: an empty list stands for every room.
    await confab('UpdateWebhook', { id: w.id, ...members, ...(scope === 'every' && { roomIdentifiers: [] }) });
    notify('success', `The webhook ${name} was changed`);
    go('#/webhooks');
  }
  return (
    <>
      <FormPage title={w.id ? `Edit ${w.name}` : 'Create a webhook'} action={w.id ? 'Save' : 'Create'} ready={ready} submit={submit} back="#/webhooks">
        <Container>
          <SpaceBetween size="l">
            <FormField label="Name"><Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus={!w.id} /></FormField>
            <FormField label="URL" description="Calls are a POST, signed as Standard Webhooks says." constraintText={w.id && 'Events that were not delivered yet go to the new URL.'} stretch>
              <Input type="url" value={url} onChange={({ detail }) => setUrl(detail.value)} placeholder="https://app.example.com/chat" />
            </FormField>
            <FormField label="Events" stretch>
              <Multiselect
                options={events} selectedOptions={events.filter((e) => chosen.includes(e.value))} placeholder="Choose events" deselectAriaLabel={(o) => `Remove ${o.label}`}
                onChange={({ detail }) => setChosen(detail.selectedOptions.map((o) => o.value!))}
              />
            </FormField>
            <FormField label="Rooms">
              <RadioGroup
                value={scope} onChange={({ detail }) => setScope(detail.value as typeof scope)}
                items={[{ value: 'every', label: 'Every room' }, { value: 'rooms', label: 'Some rooms' }, { value: 'tag', label: 'Rooms with a tag' }]}
              />
            </FormField>
            {scope === 'rooms' && <RoomsChoice arns={rooms} onChange={setRooms} />}
            {scope === 'tag' && (
              <SpaceBetween size="l">
                <FormField label="Key of the tag"><Input value={tag.key} onChange={({ detail }) => setTag({ ...tag, key: detail.value })} /></FormField>
                <FormField label="Value of the tag"><Input value={tag.value} onChange={({ detail }) => setTag({ ...tag, value: detail.value })} /></FormField>
              </SpaceBetween>
            )}
          </SpaceBetween>
        </Container>
      </FormPage>
      {secret && <Secret title={`The secret of ${name}`} parts={[{ label: 'Secret', text: secret }]} onClose={() => go('#/webhooks')} />}
    </>
  );
}
