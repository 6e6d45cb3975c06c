// Lists of resources, all pages of them.
import { ListLoggingConfigurationsCommand, type LoggingConfigurationSummary, ListRoomsCommand, type RoomSummary } from '@aws-sdk/client-ivschat';
import { page } from './page';
import { session } from './session';

/** All items of a list, of all its pages; of very many the first ones. */
export async function everyPage<Answer extends { nextToken?: string }, T>(load: (nextToken?: string) => Promise<Answer>, items: (answer: Answer) => T[] | undefined, most = 5000): Promise<T[]> {
  const all: T[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await load(nextToken);
    all.push(...(items(answer) ?? []));
    nextToken = answer.nextToken;
  } while (nextToken && all.length < most);
  return all;
}

export function allRooms(): Promise<RoomSummary[]> {
  return everyPage((nextToken) => session().ivschat.send(new ListRoomsCommand({ maxResults: 50, nextToken })), (answer) => answer.rooms);
}

export function allLoggingConfigurations(): Promise<LoggingConfigurationSummary[]> {
  return everyPage((nextToken) => session().ivschat.send(new ListLoggingConfigurationsCommand({ maxResults: 50, nextToken })), (answer) => answer.loggingConfigurations);
}

/** The ARN of a room or logging configuration of this server with an id. */
export function arnOf(kind: 'room' | 'logging-configuration', id: string) {
  return `arn:aws:ivschat:${page.region}:${page.account}:${kind}/${id}`;
}
