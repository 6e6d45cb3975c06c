import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { notify } from '../confab/notices';
import type { ContentFilter, PutContentFilterInput } from '../confab/operations';
import { Refusal, problem } from '../confab/problem';
import { arnOf } from '../confab/rooms';
import { go, idOf } from '../confab/router';
import { may } from '../confab/session';
import { FilterTest, actions } from '../parts/filter-test';
import { FormPage } from '../parts/form-page';
import { RoomChoice } from '../parts/room-choice';
import { Show } from '../parts/state';

export function EditFilter({ room, name }: { room: string; name: string }) {
  const roomIdentifier = room === 'every' ? undefined : arnOf('room', room);
  const loaded = useLoad(() => confab('GetContentFilter', { name, roomIdentifier }), [room, name]);
  return <Show title="Filter" loaded={loaded}>{(filter) => <FilterForm key={filter.updateTime} filter={filter} />}</Show>;
}

export default function NewFilter() {
  return <FilterForm />;
}

const lines = (text: string) => text.split('\n').map((l) => l.trim()).filter(Boolean);

/** Reports whether there is a filter, which a new one would replace. */
async function exists(name: string, roomIdentifier?: string): Promise<boolean> {
  if (!may('confab:GetContentFilter')) return false;
  try {
    await confab('GetContentFilter', { name, roomIdentifier });
    return true;
  } catch (error) {
    if (problem(error).kind === 'missing') return false;
    throw error;
  }
}

function FilterForm({ filter }: { filter?: ContentFilter }) {
  const [name, setName] = useState(filter?.name ?? '');
  const [room, setRoom] = useState(filter?.roomArn ?? '');
  const [terms, setTerms] = useState(filter?.terms?.join('\n') ?? '');
  const [expressions, setExpressions] = useState(filter?.expressions?.join('\n') ?? '');
  const [action, setAction] = useState(filter?.action ?? 'DENY');
  const [message, setMessage] = useState(filter?.message ?? '');
  const canPut = may('confab:PutContentFilter');
  async function submit() {
    const roomIdentifier = room || undefined;
    if (!filter && (await exists(name, roomIdentifier))) throw new Refusal('There is a filter with this name', 'Choose another name, or edit that one.');
    await confab('PutContentFilter', {
      name, roomIdentifier, terms: lines(terms), expressions: lines(expressions), action: action as PutContentFilterInput['action'], message: action === 'DENY' && message ? message : undefined,
    });
    notify('success', filter ? `The filter ${name} was changed` : `The filter ${name} was created`);
    go('#/filters');
  }
  return (
    <FormPage
      title={filter?.name ?? 'Create a filter'} description={filter && `Of ${filter.roomArn ? `the room ${idOf(filter.roomArn)}` : 'every room'}`} action={canPut ? (filter ? 'Save' : 'Create') : undefined}
      ready={!!name && lines(terms).length + lines(expressions).length > 0} submit={submit} back="#/filters" after={filter && may('confab:TestContentFilter') && <FilterTest arn={filter.roomArn} />}
    >
      <Container>
        <SpaceBetween size="l">
          {!filter && (
            <SpaceBetween size="l">
              <FormField label="Name" constraintText="Letters, digits, - and _"><Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus /></FormField>
              <RoomChoice arn={room} onChange={setRoom} />
            </SpaceBetween>
          )}
          <FormField label="Terms" description="One a line. They match whole words, also with accents, look-alike letters or dots in between. scam* matches scammer." stretch>
            <Textarea value={terms} onChange={({ detail }) => setTerms(detail.value)} rows={6} readOnly={!canPut} spellcheck={false} />
          </FormField>
          <FormField label="Expressions" description="Regular expressions of RE2, one a line." stretch>
            <div className="source"><Textarea value={expressions} onChange={({ detail }) => setExpressions(detail.value)} rows={3} readOnly={!canPut} spellcheck={false} /></div>
          </FormField>
          <FormField label="What happens to a message that matches">
            <RadioGroup value={action} items={actions.map((a) => ({ ...a, disabled: !canPut }))} onChange={({ detail }) => setAction(detail.value as typeof action)} />
          </FormField>
          {action === 'DENY' && (
            <FormField label="Message" description="What its sender reads."><Input value={message} onChange={({ detail }) => setMessage(detail.value)} placeholder="The default" readOnly={!canPut} /></FormField>
          )}
        </SpaceBetween>
      </Container>
    </FormPage>
  );
}
