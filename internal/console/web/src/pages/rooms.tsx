import { DeleteRoomCommand, type RoomSummary } from '@aws-sdk/client-ivschat';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { allRooms, everyPage } from '../confab/rooms';
import { go, idOf, roomPath } from '../confab/router';
import { may, session } from '../confab/session';
import { see } from '../confab/viewers';
import { Delete } from '../parts/delete';
import { List, useSelection } from '../parts/list';
import { When } from '../parts/when';

interface Row extends RoomSummary {
  /** Undefined where it is not known. */
  viewers?: number;
  tagText: string;
  handler: string;
  logs: number;
  updated: number;
}

// How many rooms are noted for the charts of their people.
const noted = 20;

// viewers returns how many people are in rooms; none are in those that are not named.
async function viewers(): Promise<Map<string, number> | undefined> {
  if (!may('confab:ListRoomPresence')) return undefined;
  // The fullest rooms come first.
  const rooms = await everyPage((nextToken) => confab('ListRoomPresence', { maxResults: 200, nextToken }), (answer) => answer.rooms, 2000);
  const counts = new Map(rooms.map((r) => [r.roomArn!, r.users ?? 0]));
  [...counts].slice(0, noted).forEach(([arn, people]) => see(arn, people));
  return counts;
}

function row(r: RoomSummary): Row {
  return {
    ...r, handler: r.messageReviewHandler?.uri ?? '', logs: r.loggingConfigurationIdentifiers?.length ?? 0, updated: r.updateTime?.getTime() ?? 0,
    tagText: Object.entries(r.tags ?? {}).map(([k, v]) => `${k}=${v}`).join(', '),
  };
}

export default function Rooms() {
  const rooms = useLoad(async () => (await allRooms()).map(row), [], 30_000);
  const counts = useLoad(viewers, [], 5000);
  const counted = { ...rooms, data: rooms.data?.map((r) => ({ ...r, viewers: counts.data && (counts.data.get(r.arn!) ?? 0) })) };
  const { selected, select, asked, ask, close } = useSelection<Row>(counted, 'arn');
  const nameOf = (r: Row) => r.name || r.id!;
  return (
    <>
      <List<Row>
        title="Rooms" kind="room" loaded={counted} trackBy="arn" selected={selected} onSelect={select}
        empty="Rooms are where people chat."
        columns={[
          { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, cell: (r) => <Link href={roomPath(r.arn!)}>{nameOf(r)}</Link> },
          ...(may('confab:ListRoomPresence') ? [{ id: 'viewers', header: 'People', sortingField: 'viewers', cell: (r: Row) => r.viewers?.toLocaleString() ?? '–' }] : []),
          { id: 'handler', header: 'Message review', sortingField: 'handler', cell: (r) => (r.handler ? idOf(r.handler.replace(/:function:/, '/')) : 'None') },
          { id: 'logs', header: 'Logging configurations', sortingField: 'logs', cell: (r) => r.logs },
          { id: 'tags', header: 'Tags', cell: (r) => r.tagText || '–' },
          { id: 'updated', header: 'Changed', sortingField: 'updated', cell: (r) => <When at={r.updateTime} /> },
          { id: 'id', header: 'ID', sortingField: 'id', cell: (r) => r.id },
        ]}
        properties={[
          { key: 'name', propertyLabel: 'Name', groupValuesLabel: 'Names', operators: [':', '!:', '=', '!='] },
          { key: 'id', propertyLabel: 'ID', groupValuesLabel: 'IDs', operators: ['=', ':'] },
          { key: 'tagText', propertyLabel: 'Tags', groupValuesLabel: 'Tags', operators: [':', '!:'] },
          { key: 'handler', propertyLabel: 'Message review handler', groupValuesLabel: 'Handlers', operators: [':', '!:', '='] },
        ]}
        actions={
          <>
            {may('ivschat:DeleteRoom') && <Button disabled={!selected} onClick={() => ask('delete')}>Delete</Button>}
            {may('ivschat:UpdateRoom') && <Button disabled={!selected} onClick={() => go(`${roomPath(selected!.arn!)}/edit`)}>Edit</Button>}
          </>
        }
        create={may('ivschat:CreateRoom') && <Button variant="primary" onClick={() => go('#/rooms/new')}>Create a room</Button>}
      />
      {asked && (
        <Delete
          kind="room" name={nameOf(asked.item)} warning="People in the room cannot chat any longer, and its history is deleted."
          remove={() => session().ivschat.send(new DeleteRoomCommand({ identifier: asked.item.arn }))} onClose={close}
        />
      )}
    </>
  );
}
