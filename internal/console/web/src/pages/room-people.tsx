import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import type { RoomUser } from '../confab/operations';
import { everyPage } from '../confab/rooms';
import { count } from '../parts/count';
import { Nothing, Show } from '../parts/state';
import { when } from '../parts/when';
import { type Asked, type Look, PersonActions } from './room-actions';

const most = 1000;

function everybody(arn: string): Promise<RoomUser[]> {
  return everyPage((nextToken) => confab('ListRoomUsers', { roomIdentifier: arn, maxResults: 200, nextToken }), (answer) => answer.users, most);
}

export function People({ arn, ask, look }: { arn: string; ask: (a: Asked) => void; look: Look }) {
  const users = useLoad(() => everybody(arn), [arn], 5000);
  const [filter, setFilter] = useState('');
  return (
    <Show loaded={users}>
      {(all) => {
        const found = all.filter((u) => u.userId!.toLowerCase().includes(filter.toLowerCase()));
        return (
          <SpaceBetween size="s">
            <TextFilter filteringText={filter} onChange={({ detail }) => setFilter(detail.filteringText)} filteringPlaceholder="Find a user" filteringAriaLabel="Find a user" countText={count(found.length, 'user')} />
            {found.length === 0 && <Nothing title={all.length === 0 ? 'Nobody is here' : 'Nobody matches'} />}
            <ul className="people-list" tabIndex={0} aria-label="People">
              {found.map((u) => (
                <li key={u.userId}>
                  <div>
                    <bdi><b>{u.userId}</b></bdi>{' '}
                    {u.capabilities?.some((c) => c !== 'SEND_MESSAGE') && <Badge color="blue">Staff</Badge>}
                    <Box variant="small" color="text-body-secondary" display="block">since {when(u.connectedSince!)}{u.connections! > 1 && `, ${count(u.connections!, 'connection')}`}</Box>
                  </div>
                  <PersonActions userId={u.userId!} ask={ask} look={look} />
                </li>
              ))}
            </ul>
          </SpaceBetween>
        );
      }}
    </Show>
  );
}
