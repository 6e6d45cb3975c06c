// Lists of resources, all pages of them.
import { ListLoggingConfigurationsCommand, type LoggingConfigurationSummary, ListRoomsCommand, type RoomSummary } from '@aws-sdk/client-ivschat';
import { page } from './page';
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

/** The ARN of a room or logging configuration of this server with an id. */
export function arnOf(kind: 'room' | 'logging-configuration', id: string) {
  return `arn:aws:ivschat:${page.region}:${page.account}:${kind}/${id}`;
}

/** All items of a list of Confab's, of all its pages. */
export async function everyPage<Answer extends { nextToken?: string }, T>(load: (nextToken?: string) => Promise<Answer>, items: (answer: Answer) => T[] | undefined): Promise<T[]> {
  const all: T[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await load(nextToken);
    all.push(...(items(answer) ?? []));
    nextToken = answer.nextToken;
  } while (nextToken && all.length < most);
  return all;
}
