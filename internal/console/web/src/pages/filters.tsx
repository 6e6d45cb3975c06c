// What may not be said.
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import type { ContentFilterSummary } from '../confab/operations';
import { everyPage } from '../confab/rooms';
import { go, idOf } from '../confab/router';
import { may } from '../confab/session';
import { Delete } from '../parts/delete';
import { FilterTest, actionName } from '../parts/filter-test';
import { List } from '../parts/list';
import { RoomName, roomNames } from '../parts/room-choice';
import { When } from '../parts/when';

interface Row extends ContentFilterSummary {
  key: string;
  where: string;
  action: string;
}

/** The address of a filter's page. */
export const filterPath = (f: { roomArn?: string; name?: string }) => `#/filters/${f.roomArn ? idOf(f.roomArn) : 'every'}/${f.name}`;

export default function Filters() {
  const names = useLoad(roomNames, []);
  const loaded = useLoad(async () => {
    const all = await everyPage((nextToken) => confab('ListContentFilters', { maxResults: 200, nextToken }), (answer) => answer.filters);
    return all.map((f): Row => ({ ...f, key: filterPath(f), where: f.roomArn ?? '', action: actionName(f.action) }));
  }, [], 30_000);
  const rows = { ...loaded, data: loaded.data?.map((f) => ({ ...f, where: f.roomArn ? names.data?.get(f.roomArn) ?? f.where : 'Every room' })) };
  const [selected, setSelected] = useState<Row>();
  const [deleting, setDeleting] = useState<Row>();
  const canEdit = may('confab:PutContentFilter') && may('confab:GetContentFilter');
  return (
    <>
      <List<Row>
        title="Content filters" kind="filter" loaded={rows} trackBy="key" selected={selected} onSelect={may('confab:DeleteContentFilter') || canEdit ? setSelected : undefined}
        empty="A filter says what may not be said, and what comes of it."
        columns={[
          { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, cell: (f) => (may('confab:GetContentFilter') ? <Link href={f.key}>{f.name}</Link> : f.name) },
          { id: 'where', header: 'Room', sortingField: 'where', cell: (f) => <RoomName arn={f.roomArn} names={names.data} /> },
          { id: 'action', header: 'Action', sortingField: 'action', cell: (f) => f.action },
          { id: 'terms', header: 'Terms', sortingField: 'termCount', cell: (f) => f.termCount?.toLocaleString() },
          { id: 'expressions', header: 'Expressions', sortingField: 'expressionCount', cell: (f) => f.expressionCount?.toLocaleString() },
          { id: 'message', header: 'Message', sortingField: 'message', cell: (f) => f.message || '–' },
          { id: 'changed', header: 'Changed', sortingField: 'updateTime', cell: (f) => <When at={f.updateTime} /> },
        ]}
        properties={[
          { key: 'name', propertyLabel: 'Name', groupValuesLabel: 'Names', operators: [':', '!:', '='] },
          { key: 'where', propertyLabel: 'Room', groupValuesLabel: 'Rooms', operators: [':', '!:', '='] },
          { key: 'action', propertyLabel: 'Action', groupValuesLabel: 'Actions', operators: ['=', '!='] },
        ]}
        actions={(f) => (
          <SpaceBetween direction="horizontal" size="xs">
            {may('confab:TestContentFilter') && <Button onClick={() => go('#/filters/test')}>Test a text</Button>}
            {may('confab:DeleteContentFilter') && <Button disabled={!f} onClick={() => setDeleting(f)}>Delete</Button>}
            {canEdit && <Button disabled={!f} onClick={() => go(f!.key)}>Edit</Button>}
          </SpaceBetween>
        )}
        create={may('confab:PutContentFilter') && <Button variant="primary" onClick={() => go('#/filters/new')}>Create a filter</Button>}
      />
      {deleting && (
        <Delete
          kind="filter" name={deleting.name!} warning="Messages that it refuses or masks are delivered from then on."
          remove={() => confab('DeleteContentFilter', { name: deleting.name!, roomIdentifier: deleting.roomArn })}
          onClose={(deleted) => {
            setDeleting(undefined);
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

export function TestFilters() {
  return <ContentLayout header={<Header variant="h1">Test the content filters</Header>}><FilterTest /></ContentLayout>;
}
