// Endpoints of applications that are told what happens.
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { notify, notifyError } from '../confab/notices';
import type { Webhook } from '../confab/operations';
import { everyPage } from '../confab/rooms';
import { go } from '../confab/router';
import { may } from '../confab/session';
import { Confirm } from '../parts/confirm';
import { count } from '../parts/count';
import { Delete } from '../parts/delete';
import { isolated } from '../parts/isolated';
import { List, useSelection } from '../parts/list';
import { Secret } from '../parts/secret';

interface Row extends Webhook {
  name: string;
  where: string;
  what: string;
}

function where(w: Webhook) {
  if (w.roomTag) return `Tag ${w.roomTag.key}=${w.roomTag.value}`;
  const rooms = w.roomArns?.length ?? 0;
  return rooms === 0 ? 'Every room' : count(rooms, 'room');
}

const states = { ACTIVE: 'success', PAUSED: 'stopped', FAILING: 'error' } as const;
const stateNames = { ACTIVE: 'Active', PAUSED: 'Paused', FAILING: 'Failing' };

export default function Webhooks() {
  const loaded = useLoad(async () => {
    const all = await everyPage((nextToken) => confab('ListWebhooks', { maxResults: 200, nextToken }), (answer) => answer.webhooks);
    return all.map((w): Row => ({ ...w, name: w.name!, where: where(w), what: w.events?.join(', ') ?? '' }));
  }, [], 10_000);
  const { selected, select, asked, ask, close } = useSelection<Row, 'delete' | 'rotate'>(loaded, 'id');
  const [busy, setBusy] = useState<'test' | 'state'>();
  const [secret, setSecret] = useState<string>();
  async function run(what: 'test' | 'state', failed: string, call: () => Promise<unknown>) {
    setBusy(what);
    try {
      await call();
    } catch (error) {
      notifyError(failed, error);
    }
    setBusy(undefined);
    loaded.reload();
  }
  const test = ({ id, name }: Row) => run('test', `${isolated(name)} was not called`, async () => {
    const { statusCode, error, durationInMilliseconds } = await confab('TestWebhook', { id: id! });
    if (error) notify('error', `${isolated(name)} did not take the test event`, `${statusCode ? `It answered ${statusCode}. ` : ''}${error}`);
    else notify('success', `${isolated(name)} answered ${statusCode} in ${durationInMilliseconds} ms`);
  });
  const pause = ({ id, name, state }: Row) => run('state', `${isolated(name)} was not changed`, () => confab('UpdateWebhook', { id: id!, state: state === 'PAUSED' ? 'ACTIVE' : 'PAUSED' }));
  const canUpdate = may('confab:UpdateWebhook');
  return (
    <>
      <List<Row>
        title="Webhooks" kind="webhook" loaded={loaded} trackBy="id" selected={selected} onSelect={select}
        empty="A webhook calls an application when something happens in rooms."
        columns={[
          { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, cell: (w) => w.name },
          { id: 'state', header: 'State', sortingField: 'state', cell: (w) => <StatusIndicator wrapText={false} type={states[w.state as keyof typeof states] ?? 'info'}>{stateNames[w.state as keyof typeof stateNames] ?? w.state}</StatusIndicator> },
          { id: 'url', header: 'URL', sortingField: 'url', cell: (w) => w.url },
          { id: 'where', header: 'Rooms', sortingField: 'where', cell: (w) => w.where },
          { id: 'events', header: 'Events', cell: (w) => w.what },
          { id: 'error', header: 'Last error', cell: (w) => w.lastError || '–' },
        ]}
        properties={[
          { key: 'name', propertyLabel: 'Name', groupValuesLabel: 'Names', operators: [':', '!:', '='] },
          { key: 'url', propertyLabel: 'URL', groupValuesLabel: 'URLs', operators: [':', '!:'] },
          { key: 'state', propertyLabel: 'State', groupValuesLabel: 'States', operators: ['=', '!='] },
          { key: 'what', propertyLabel: 'Events', groupValuesLabel: 'Events', operators: [':', '!:'] },
        ]}
        actions={
          <>
            {may('confab:TestWebhook') && <Button disabled={!selected} loading={busy === 'test'} onClick={() => test(selected!)}>Test</Button>}
            {canUpdate && <Button disabled={!selected} loading={busy === 'state'} onClick={() => pause(selected!)}>{selected?.state === 'PAUSED' ? 'Resume' : 'Pause'}</Button>}
            {canUpdate && may('confab:GetWebhook') && <Button disabled={!selected} onClick={() => go(`#/webhooks/${selected!.id}`)}>Edit</Button>}
            {may('confab:RotateWebhookSecret') && <Button disabled={!selected} onClick={() => ask('rotate')}>Rotate the secret</Button>}
            {may('confab:DeleteWebhook') && <Button disabled={!selected} onClick={() => ask('delete')}>Delete</Button>}
          </>
        }
        create={may('confab:CreateWebhook') && <Button variant="primary" onClick={() => go('#/webhooks/new')}>Create a webhook</Button>}
      />
      {asked?.question === 'rotate' && (
        <Confirm
          title={`Rotate the secret of ${isolated(asked.item.name)}`} action="Rotate" onClose={close}
          run={async () => setSecret((await confab('RotateWebhookSecret', { id: asked.item.id! })).secret)}
        >
          <Box>The new secret is shown once. For 24 hours, calls are signed with the old one as well.</Box>
        </Confirm>
      )}
      {secret && <Secret title="The new secret" parts={[{ label: 'Secret', text: secret }]} onClose={() => setSecret(undefined)} />}
      {asked?.question === 'delete' && (
        <Delete kind="webhook" name={asked.item.name} warning="What was not delivered yet is lost." remove={() => confab('DeleteWebhook', { id: asked.item.id! })} onClose={close} />
      )}
    </>
  );
}
