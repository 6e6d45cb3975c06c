import { DeleteRoomCommand, type RoomSummary } from '@aws-sdk/client-ivschat';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { allRooms } from '../confab/rooms';
import { go, idOf, roomPath } from '../confab/router';
import { may, session } from '../confab/session';
import { see } from '../confab/viewers';
import { Delete } from '../parts/delete';
import { List } from '../parts/list';
import { When } from '../parts/when';

interface Row extends RoomSummary {
  viewers: number;
  tagText: string;
  handler: string;
  logs: number;
  updated: number;
}

// How many rooms are noted for the charts of their people.
const noted = 20;

async function viewers(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let nextToken: string | undefined;
  if (!may('confab:ListRoomPresence')) return counts;
  do {
    const answer = await confab('ListRoomPresence', { maxResults: 200, nextToken });
    answer.rooms?.forEach((r) => counts.set(r.roomArn!, r.users ?? 0));
    nextToken = answer.nextToken;
  } while (nextToken && counts.size < 2000);
  // The fullest rooms come first.
  [...counts].slice(0, noted).forEach(([arn, people]) => see(arn, people));
  return counts;
}

function row(r: RoomSummary): Row {
  return {
    ...r, viewers: 0, handler: r.messageReviewHandler?.uri ?? '', logs: r.loggingConfigurationIdentifiers?.length ?? 0, updated: r.updateTime?.getTime() ?? 0,
    tagText: Object.entries(r.tags ?? {}).map(([k, v]) => `${k}=${v}`).join(', '),
  };
}

export default function Rooms() {
  const rooms = useLoad(async () => (await allRooms()).map(row), [], 30_000);
  const counts = useLoad(viewers, [], 5000);
  const counted = { ...rooms, data: rooms.data?.map((r) => ({ ...r, viewers: counts.data?.get(r.arn!) ?? 0 })) };
  const [selected, setSelected] = useState<Row>();
  const [deleting, setDeleting] = useState<Row>();
  const nameOf = (r: Row) => r.name || r.id!;
  return (
    <>
      <List<Row>
        title="Rooms" kind="room" loaded={counted} trackBy="arn" selected={selected} onSelect={setSelected}
        empty="Rooms are where people chat."
        columns={[
          { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, cell: (r) => <Link href={roomPath(r.arn!)}>{nameOf(r)}</Link> },
          ...(may('confab:ListRoomPresence') ? [{ id: 'viewers', header: 'People', sortingField: 'viewers', cell: (r: Row) => r.viewers.toLocaleString() }] : []),
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
        actions={(r) => (
          <SpaceBetween direction="horizontal" size="xs">
            {may('ivschat:DeleteRoom') && <Button disabled={!r} onClick={() => setDeleting(r)}>Delete</Button>}
            {may('ivschat:UpdateRoom') && <Button disabled={!r} onClick={() => go(`${roomPath(r!.arn!)}/edit`)}>Edit</Button>}
          </SpaceBetween>
        )}
        create={may('ivschat:CreateRoom') && <Button variant="primary" onClick={() => go('#/rooms/new')}>Create a room</Button>}
      />
      {deleting && (
        <Delete
          kind="room" name={nameOf(deleting)} warning="People in the room cannot chat any longer, and its history is deleted."
          remove={() => session().ivschat.send(new DeleteRoomCommand({ identifier: deleting.arn }))}
          onClose={(deleted) => {
            setDeleting(undefined);
            if (deleted) {
              setSelected(undefined);
              rooms.reload();
            }
          }}
        />
      )}
    </>
  );
}
