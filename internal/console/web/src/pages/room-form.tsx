// Creates a room, or changes one: all settings of IVS Chat, and Confab's as controls.
import { CreateRoomCommand, GetRoomCommand, type GetRoomResponse, UpdateRoomCommand } from '@aws-sdk/client-ivschat';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import RadioGroup from '@cloudscape-design/components/radio-group';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useLoad } from '../confab/load';
import { notify } from '../confab/notices';
import { allLoggingConfigurations, arnOf } from '../confab/rooms';
import { go, roomPath } from '../confab/router';
import { may, session } from '../confab/session';
import { FormPage } from '../parts/form-page';
import { settings } from '../parts/room-settings';
import { Show } from '../parts/state';
import { type EditedTags, Editor, changeTags, edited, tagsOf, type Tags } from '../parts/tags';

export function NewRoom() {
  return <RoomForm room={{}} />;
}

export default function EditRoom({ id }: { id: string }) {
  const loaded = useLoad(() => session().ivschat.send(new GetRoomCommand({ identifier: arnOf('room', id) })), [id]);
  return <Show title="Edit a room" loaded={loaded}>{(room) => <RoomForm key={room.arn} room={room} />}</Show>;
}

const isOurs = (key: string) => settings().some((s) => s.tag === key);

function RoomForm({ room }: { room: Partial<GetRoomResponse> }) {
  const before: Tags = room.tags ?? {};
  const [name, setName] = useState(room.name ?? '');
  const [length, setLength] = useState(String(room.maximumMessageLength ?? 500));
  const [rate, setRate] = useState(String(room.maximumMessageRatePerSecond ?? 10));
  const [uri, setUri] = useState(room.messageReviewHandler?.uri ?? '');
  const [fallback, setFallback] = useState<string>(room.messageReviewHandler?.fallbackResult ?? 'ALLOW');
  const [logging, setLogging] = useState(room.loggingConfigurationIdentifiers ?? []);
  const [ours, setOurs] = useState<Tags>(Object.fromEntries(Object.entries(before).filter(([k]) => isOurs(k))));
  const [tags, setTags] = useState<EditedTags>(edited(Object.fromEntries(Object.entries(before).filter(([k]) => !isOurs(k))), !!room.arn));
  const [valid, setValid] = useState(true);
  const configurations = useLoad(allLoggingConfigurations, []);
  const options = (configurations.data ?? []).map((c) => ({ value: c.arn!, label: c.name || c.id, description: c.state }));
  const limits = session().server?.limits ?? {};

  async function submit() {
    const after = { ...tagsOf(tags), ...Object.fromEntries(Object.entries(ours).filter(([, v]) => v !== '')) };
    const members = {
      name, maximumMessageLength: Number(length), maximumMessageRatePerSecond: Number(rate), loggingConfigurationIdentifiers: logging,
      messageReviewHandler: { uri, fallbackResult: fallback as 'ALLOW' | 'DENY' },
    };
    let arn = room.arn;
    if (arn) {
      await session().ivschat.send(new UpdateRoomCommand({ identifier: arn, ...members }));
      await changeTags(arn, before, after);
    } else {
      arn = (await session().ivschat.send(new CreateRoomCommand({ ...members, messageReviewHandler: uri ? members.messageReviewHandler : undefined, tags: after }))).arn!;
    }
    notify('success', room.arn ? 'The room was changed' : 'The room was created');
    go(roomPath(arn));
  }

  return (
    <FormPage
      title={room.arn ? `Edit ${room.name || room.id}` : 'Create a room'} action={room.arn ? 'Save' : 'Create'} ready={valid} submit={submit} back={room.arn ? roomPath(room.arn) : '#/rooms'}
    >
      <Container header={<Header variant="h2">Chat</Header>}>
        <SpaceBetween size="l">
          <FormField label="Name" description="Letters, digits, - and _; need not be unique."><Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus={!room.arn} /></FormField>
          <FormField label="Maximum length of a message" constraintText={`1 to ${limits.maximumMessageLength ?? 500} characters`}><Input type="number" inputMode="numeric" value={length} onChange={({ detail }) => setLength(detail.value)} /></FormField>
          <FormField label="Maximum number of messages a second" constraintText={`1 to ${limits.maximumMessageRatePerSecond ?? 100}, of all people in the room together`}><Input type="number" inputMode="numeric" value={rate} onChange={({ detail }) => setRate(detail.value)} /></FormField>
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2" description="A function that decides on each message before it is delivered.">Message review</Header>}>
        <SpaceBetween size="l">
          <FormField label="ARN of the Lambda function" description="Empty for none. The server's configuration maps the ARN to an endpoint."><Input value={uri} placeholder="arn:aws:lambda:us-west-2:123456789012:function:review" onChange={({ detail }) => setUri(detail.value)} /></FormField>
          <FormField label="When it does not answer">
            <RadioGroup value={fallback} onChange={({ detail }) => setFallback(detail.value)} items={[{ value: 'ALLOW', label: 'Deliver the message' }, { value: 'DENY', label: 'Refuse the message' }]} />
          </FormField>
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">Logging</Header>}>
        <FormField label="Logging configurations" description="At most three.">
          <Multiselect
            options={options} selectedOptions={logging.map((arn) => options.find((o) => o.value === arn) ?? { value: arn, label: arn })} placeholder="None" empty="There is no logging configuration"
            statusType={configurations.loading ? 'loading' : configurations.problem ? 'error' : 'finished'} errorText={configurations.problem?.title} onChange={({ detail }) => setLogging(detail.selectedOptions.map((o) => o.value!))}
          />
        </FormField>
      </Container>
      {settings().length > 0 && (
        <Container header={<Header variant="h2" description={may('confab:ConfigureRoom') ? 'What Confab adds to IVS Chat, for this room. Each is a tag of the room.' : 'Each is a tag of the room; changing one needs the action confab:ConfigureRoom.'}>Confab</Header>}>
          <SpaceBetween size="l">
            {settings().map((s) => (
              <FormField key={s.tag} label={s.label} description={s.help} constraintText={s.choices ? undefined : s.allowed}>
                {s.choices ? (
                  <Select
                    options={[{ value: '', label: `Default (${s.fallback})` }, ...s.choices.map((value) => ({ value, label: value }))]} selectedOption={{ value: ours[s.tag] ?? '', label: ours[s.tag] || `Default (${s.fallback})` }}
                    onChange={({ detail }) => setOurs({ ...ours, [s.tag]: detail.selectedOption.value! })}
                  />
                ) : (
                  <Input value={ours[s.tag] ?? ''} placeholder={s.fallback} onChange={({ detail }) => setOurs({ ...ours, [s.tag]: detail.value.trim() })} />
                )}
              </FormField>
            ))}
          </SpaceBetween>
        </Container>
      )}
      <Container header={<Header variant="h2">Tags</Header>}>
        <Editor tags={tags} onChange={(next, ok) => (setTags(next), setValid(ok))} />
      </Container>
    </FormPage>
  );
}
