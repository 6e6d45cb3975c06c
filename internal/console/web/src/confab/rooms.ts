// Lists of resources, all pages of them.
import { ListLoggingConfigurationsCommand, type LoggingConfigurationSummary, ListRoomsCommand, type RoomSummary } from '@aws-sdk/client-ivschat';
import { session } from './session';

const most = 5000;

export async function allRooms(): Promise<RoomSummary[]> {
  const all: RoomSummary[] = [];
  let nextToken: string | undefined;
  do {
    const page = await session().ivschat.send(new ListRoomsCommand({ maxResults: 50, nextToken }));
    all.push(...(page.rooms ?? []));
    nextToken = page.nextToken;
  } while (nextToken && all.length < most);
  return all;
}

export async function allLoggingConfigurations(): Promise<LoggingConfigurationSummary[]> {
  const all: LoggingConfigurationSummary[] = [];
  let nextToken: string | undefined;
  do {
    const page = await session().ivschat.send(new ListLoggingConfigurationsCommand({ maxResults: 50, nextToken }));
    all.push(...(page.loggingConfigurations ?? []));
    nextToken = page.nextToken;
  } while (nextToken && all.length < most);
  return all;
}

/** The ARN of a room or logging configuration with an id, beside one of the server's. */
export function arnOf(kind: 'room' | 'logging-configuration', id: string, region: string, account: string) {
  return `arn:aws:ivschat:${region}:${account}:${kind}/${id}`;
}
