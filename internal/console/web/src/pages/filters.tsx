// What may not be said.
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import type { ContentFilterSummary } from '../confab/operations';
import { everyPage } from '../confab/rooms';
import { go, idOf } from '../confab/router';
import { may } from '../confab/session';
import { Delete } from '../parts/delete';
import { FilterTest, actionName } from '../parts/filter-test';
import { List, useSelection } from '../parts/list';
import { RoomName, useRoomNames } from '../parts/room-choice';
import { When } from '../parts/when';

interface Row extends ContentFilterSummary {
  key: string;
  where: string;
  action: string;
}

/** The address of a filter's page. */
export const filterPath = (f: { roomArn?: string; name?: string }) => `#/filters/${f.roomArn ? idOf(f.roomArn) : 'every'}/${f.name}`;

export default function Filters() {
  const names = useRoomNames();
  const loaded = useLoad(() => everyPage((nextToken) => confab('ListContentFilters', { maxResults: 200, nextToken }), (answer) => answer.filters), [], 30_000);
  const rows = { ...loaded, data: loaded.data?.map((f): Row => ({ ...f, key: filterPath(f), where: names.of(f.roomArn), action: actionName(f.action) })) };
  const { selected, select, asked, ask, close } = useSelection<Row>(rows, 'key');
  const canEdit = may('confab:PutContentFilter') && may('confab:GetContentFilter');
  return (
    <>
      <List<Row>
        title="Content filters" kind="filter" loaded={rows} trackBy="key" selected={selected} onSelect={may('confab:DeleteContentFilter') || canEdit ? select : undefined}
        empty="A filter says what may not be said, and what comes of it."
        columns={[
          { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, cell: (f) => (may('confab:GetContentFilter') ? <Link href={f.key}>{f.name}</Link> : f.name) },
          { id: 'where', header: 'Room', sortingField: 'where', cell: (f) => <RoomName arn={f.roomArn} names={names} /> },
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
        actions={
          <>
            {may('confab:TestContentFilter') && <Button onClick={() => go('#/filters/test')}>Test a text</Button>}
            {may('confab:DeleteContentFilter') && <Button disabled={!selected} onClick={() => ask('delete')}>Delete</Button>}
            {canEdit && <Button disabled={!selected} onClick={() => go(selected!.key)}>Edit</Button>}
          </>
        }
        create={may('confab:PutContentFilter') && <Button variant="primary" onClick={() => go('#/filters/new')}>Create a filter</Button>}
      />
      {asked && (
        <Delete
          kind="filter" name={asked.item.name!} warning="Messages that it refuses or masks are delivered from then on."
          remove={() => confab('DeleteContentFilter', { name: asked.item.name!, roomIdentifier: asked.item.roomArn })} onClose={close}
        />
      )}
    </>
  );
}

export function TestFilters() {
  return <ContentLayout header={<Header variant="h1">Test the content filters</Header>}><FilterTest /></ContentLayout>;
}
