// Endpoints of applications that are told what happens.
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
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
import { Delete } from '../parts/delete';
import { List } from '../parts/list';
import { Secret } from '../parts/secret';

interface Row extends Webhook {
  name: string;
  where: string;
  what: string;
}

function where(w: Webhook) {
  if (w.roomTag) return `Tag ${w.roomTag.key}=${w.roomTag.value}`;
  const rooms = w.roomArns?.length ?? 0;
  return rooms === 0 ? 'Every room' : rooms === 1 ? '1 room' : `${rooms} rooms`;
}

const states = { ACTIVE: 'success', PAUSED: 'stopped', FAILING: 'error' } as const;
const stateNames = { ACTIVE: 'Active', PAUSED: 'Paused', FAILING: 'Failing' };

export default function Webhooks() {
  const loaded = useLoad(async () => {
    const all = await everyPage((nextToken) => confab('ListWebhooks', { maxResults: 200, nextToken }), (answer) => answer.webhooks);
    return all.map((w): Row => ({ ...w, name: w.name!, where: where(w), what: w.events?.join(', ') ?? '' }));
  }, [], 10_000);
  const [selected, setSelected] = useState<Row>();
  const [open, setOpen] = useState<'delete' | 'rotate'>();
  const [busy, setBusy] = useState<'test' | 'state'>();
  const [secret, setSecret] = useState<string>();
  const chosen = loaded.data?.find((w) => w.id === selected?.id);
  async function test(w: Row) {
    setBusy('test');
    try {
      const { statusCode, error, durationInMilliseconds } = await confab('TestWebhook', { id: w.id! });
      if (error) notify('error', `${w.name} did not take the test event`, `${statusCode ? `It answered ${statusCode}. ` : ''}${error}`);
      else notify('success', `${w.name} answered ${statusCode} in ${durationInMilliseconds} ms`);
    } catch (error) {
      notifyError(`${w.name} was not called`, error);
    }
    setBusy(undefined);
    loaded.reload();
  }
  async function pause(w: Row) {
    setBusy('state');
    try {
      await confab('UpdateWebhook', { id: w.id!, state: w.state === 'PAUSED' ? 'ACTIVE' : 'PAUSED' });
    } catch (error) {
      notifyError(`${w.name} was not changed`, error);
    }
    setBusy(undefined);
    loaded.reload();
  }
  const canUpdate = may('confab:UpdateWebhook');
  return (
    <>
      <List<Row>
        title="Webhooks" kind="webhook" loaded={loaded} trackBy="id" selected={chosen} onSelect={setSelected}
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
        actions={() => (
          <SpaceBetween direction="horizontal" size="xs">
            {may('confab:TestWebhook') && <Button disabled={!chosen} loading={busy === 'test'} onClick={() => test(chosen!)}>Test</Button>}
            {canUpdate && <Button disabled={!chosen} loading={busy === 'state'} onClick={() => pause(chosen!)}>{chosen?.state === 'PAUSED' ? 'Resume' : 'Pause'}</Button>}
            {canUpdate && may('confab:GetWebhook') && <Button disabled={!chosen} onClick={() => go(`#/webhooks/${chosen!.id}`)}>Edit</Button>}
            {may('confab:RotateWebhookSecret') && <Button disabled={!chosen} onClick={() => setOpen('rotate')}>Rotate the secret</Button>}
            {may('confab:DeleteWebhook') && <Button disabled={!chosen} onClick={() => setOpen('delete')}>Delete</Button>}
          </SpaceBetween>
        )}
        create={may('confab:CreateWebhook') && <Button variant="primary" onClick={() => go('#/webhooks/new')}>Create a webhook</Button>}
      />
      {open === 'rotate' && chosen && (
        <Confirm
          title={`Rotate the secret of ${chosen.name}`} action="Rotate" onClose={() => setOpen(undefined)}
          run={async () => setSecret((await confab('RotateWebhookSecret', { id: chosen.id! })).secret)}
        >
          <Box>The new secret is shown once. For 24 hours, calls are signed with the old one as well.</Box>
        </Confirm>
      )}
      {secret && <Secret title="The new secret" parts={[{ label: 'Secret', text: secret }]} onClose={() => setSecret(undefined)} />}
      {open === 'delete' && chosen && (
        <Delete
          kind="webhook" name={chosen.name} warning="What was not delivered yet is lost." remove={() => confab('DeleteWebhook', { id: chosen.id! })}
          onClose={(deleted) => {
            setOpen(undefined);
            if (deleted) {
              setSelected(undefined);
              loaded.reload();
            }
          }}
        />
      )}
    </>
  );
}
