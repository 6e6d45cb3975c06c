import { CreateLoggingConfigurationCommand, DeleteLoggingConfigurationCommand, type DestinationConfiguration, GetLoggingConfigurationCommand, type GetLoggingConfigurationResponse, type LoggingConfigurationSummary, UpdateLoggingConfigurationCommand } from '@aws-sdk/client-ivschat';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Tiles from '@cloudscape-design/components/tiles';
import { useState } from 'react';
import { useLoad } from '../confab/load';
import { notify } from '../confab/notices';
import { allLoggingConfigurations, arnOf } from '../confab/rooms';
import { go } from '../confab/router';
import { may, session } from '../confab/session';
import { mayTest } from '../confab/test-record';
import { Delete } from '../parts/delete';
import { FormPage } from '../parts/form-page';
import { List, useSelection } from '../parts/list';
import { Show } from '../parts/state';
import { TestRecord } from '../parts/test-record';
import { type EditedTags, Editor, changeTags, edited, tagsOf } from '../parts/tags';

const kinds = [
  { value: 's3', label: 'Amazon S3', member: 'bucketName', field: 'Bucket' },
  { value: 'cloudWatchLogs', label: 'CloudWatch Logs', member: 'logGroupName', field: 'Log group' },
  { value: 'firehose', label: 'Data Firehose', member: 'deliveryStreamName', field: 'Delivery stream' },
] as const;
type Kind = (typeof kinds)[number];

function destination(d?: DestinationConfiguration): { kind: Kind; name: string } {
  const found = kinds.find((k) => d && k.value in d) ?? kinds[0];
  return { kind: found, name: Object.values((d as Record<string, Record<string, string>> | undefined)?.[found.value] ?? {})[0] ?? '' };
}

// stateName returns the name of a state as a sentence has it: "Active", "Create failed".
const stateName = (state = '') => (state[0] ?? '') + state.slice(1).toLowerCase().replaceAll('_', ' ');

interface Row extends LoggingConfigurationSummary {
  where: string;
  tagText: string;
}

export default function Logging() {
  const loaded = useLoad(async () => (await allLoggingConfigurations()).map((c): Row => {
    const d = destination(c.destinationConfiguration);
    return { ...c, where: `${d.kind.label}: ${d.name}`, tagText: Object.entries(c.tags ?? {}).map(([k, v]) => `${k}=${v}`).join(', ') };
  }), []);
  const { selected, select, asked, ask, close } = useSelection<Row, 'delete' | 'test'>(loaded, 'arn');
  const nameOf = (c: Row) => c.name || c.id!;
  return (
    <>
      <List<Row>
        title="Logging configurations" kind="logging configuration" loaded={loaded} trackBy="arn" selected={selected} onSelect={select}
        empty="A logging configuration says where the chat of rooms is logged."
        columns={[
          { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, cell: (c) => <Link href={`#/logging/${c.id}`}>{nameOf(c)}</Link> },
          { id: 'where', header: 'Destination', sortingField: 'where', cell: (c) => c.where },
          { id: 'state', header: 'State', sortingField: 'state', cell: (c) => <StatusIndicator wrapText={false} type={c.state === 'ACTIVE' ? 'success' : 'warning'}>{stateName(c.state)}</StatusIndicator> },
          { id: 'tags', header: 'Tags', cell: (c) => c.tagText || '–' },
        ]}
        properties={[
          { key: 'name', propertyLabel: 'Name', groupValuesLabel: 'Names', operators: [':', '!:', '='] },
          { key: 'where', propertyLabel: 'Destination', groupValuesLabel: 'Destinations', operators: [':', '!:', '='] },
          { key: 'state', propertyLabel: 'State', groupValuesLabel: 'States', operators: ['=', '!='] },
          { key: 'tagText', propertyLabel: 'Tags', groupValuesLabel: 'Tags', operators: [':', '!:'] },
        ]}
        actions={
          <>
            {mayTest() && <Button disabled={!selected} onClick={() => ask('test')}>Send a test record</Button>}
            {may('ivschat:DeleteLoggingConfiguration') && <Button disabled={!selected} onClick={() => ask('delete')}>Delete</Button>}
            {may('ivschat:UpdateLoggingConfiguration') && <Button disabled={!selected} onClick={() => go(`#/logging/${selected!.id}`)}>Edit</Button>}
          </>
        }
        create={may('ivschat:CreateLoggingConfiguration') && <Button variant="primary" onClick={() => go('#/logging/new')}>Create a configuration</Button>}
      />
      {asked?.question === 'test' && <TestOf configuration={asked.item} onClose={() => close(false)} />}
      {asked?.question === 'delete' && (
        <Delete
          kind="logging configuration" name={nameOf(asked.item)} warning="Rooms that name it are not logged there any longer."
          remove={() => session().ivschat.send(new DeleteLoggingConfigurationCommand({ identifier: asked.item.arn }))} onClose={close}
        />
      )}
    </>
  );
}

function TestOf({ configuration: c, onClose }: { configuration: LoggingConfigurationSummary; onClose: () => void }) {
  const { kind, name } = destination(c.destinationConfiguration);
  return <TestRecord arn={c.arn!} name={c.name || c.id!} kind={kind.value} target={name} field={kind.field} onClose={onClose} />;
}

export function NewLogging() {
  return <LoggingForm configuration={{}} />;
}

export function EditLogging({ id }: { id: string }) {
  const loaded = useLoad(() => session().ivschat.send(new GetLoggingConfigurationCommand({ identifier: arnOf('logging-configuration', id) })), [id]);
  return <Show title="Edit a logging configuration" loaded={loaded}>{(c) => <LoggingForm key={c.arn} configuration={c} />}</Show>;
}

function LoggingForm({ configuration: c }: { configuration: Partial<GetLoggingConfigurationResponse> }) {
  const before = destination(c.destinationConfiguration);
  const [name, setName] = useState(c.name ?? '');
  const [kind, setKind] = useState<Kind>(before.kind);
  const [target, setTarget] = useState(before.name);
  const [tags, setTags] = useState<EditedTags>(edited(c.tags ?? {}, !!c.arn));
  const [valid, setValid] = useState(true);
  async function submit() {
    const destinationConfiguration = { [kind.value]: { [kind.member]: target } } as unknown as DestinationConfiguration;
    if (c.arn) {
      await session().ivschat.send(new UpdateLoggingConfigurationCommand({ identifier: c.arn, name, destinationConfiguration }));
      await changeTags(c.arn, c.tags ?? {}, tagsOf(tags));
    } else {
      await session().ivschat.send(new CreateLoggingConfigurationCommand({ name, destinationConfiguration, tags: tagsOf(tags) }));
    }
    notify('success', c.arn ? 'The logging configuration was changed' : 'The logging configuration was created');
    go('#/logging');
  }
  return (
    <FormPage title={c.arn ? `Edit ${c.name || c.id}` : 'Create a logging configuration'} action={c.arn ? 'Save' : 'Create'} ready={valid} submit={submit} back="#/logging">
      <Container header={<Header variant="h2">Destination</Header>}>
        <SpaceBetween size="l">
          <FormField label="Name"><Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus={!c.arn} /></FormField>
          <FormField label="Kind" stretch><Tiles value={kind.value} onChange={({ detail }) => setKind(kinds.find((k) => k.value === detail.value)!)} items={kinds.map((k) => ({ value: k.value, label: k.label }))} /></FormField>
          <FormField label={kind.field} description="It must already exist."><Input value={target} onChange={({ detail }) => setTarget(detail.value)} /></FormField>
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">Tags</Header>}><Editor tags={tags} onChange={(next, ok) => (setTags(next), setValid(ok))} /></Container>
    </FormPage>
  );
}
