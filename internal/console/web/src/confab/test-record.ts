// A test record of a logging configuration. A temporary room is logged with it, gets one event,
// and is deleted: records that are on their way are delivered all the same.
import { CreateRoomCommand, DeleteRoomCommand, ListRoomsCommand, SendEventCommand } from '@aws-sdk/client-ivschat';
import { confab } from './call';
import type { MetricSeries } from './operations';
import { page } from './page';
import { problem } from './problem';
import { idOf } from './router';
import { may, session } from './session';

export interface TestRecord {
  roomArn: string;
  eventId: string;
  time: Date;
  /** Why the temporary room is still there. */
  left?: string;
}

const tag = { key: 'confab-console', value: 'test-record' };
const event = 'confab-console:TEST_RECORD';
// An interrupted test may have left its room; one that is under way elsewhere takes less time.
const interrupted = 60_000;

export const mayTest = () => ['CreateRoom', 'SendEvent', 'DeleteRoom'].every((action) => may(`ivschat:${action}`));

/** Sends a test record, and leaves no room behind. */
export async function sendTestRecord(configurationArn: string): Promise<TestRecord> {
  const { ivschat } = session();
  const name = `test-record-of-${idOf(configurationArn)}`;
  if (may('ivschat:ListRooms')) {
    const { rooms = [] } = await ivschat.send(new ListRoomsCommand({ name }));
    const old = rooms.filter((r) => r.tags?.[tag.key] === tag.value && Date.now() - r.createTime!.getTime() > interrupted);
    for (const room of old) await ivschat.send(new DeleteRoomCommand({ identifier: room.arn }));
  }
  const { arn } = await ivschat.send(new CreateRoomCommand({ name, loggingConfigurationIdentifiers: [configurationArn], tags: { [tag.key]: tag.value } }));
  let sent: TestRecord | undefined;
  try {
    const { id } = await ivschat.send(new SendEventCommand({ roomIdentifier: arn, eventName: event, attributes: { loggingConfiguration: configurationArn } }));
    return (sent = { roomArn: arn!, eventId: id!, time: new Date() });
  } finally {
    try {
      await ivschat.send(new DeleteRoomCommand({ identifier: arn }));
    } catch (error) {
      // The error of the event is what the caller gets, if there is one.
      if (sent && problem(error).kind !== 'missing') sent.left = `The room ${name} was not deleted: ${problem(error).text}`;
    }
  }
}

export type Kind = 's3' | 'cloudWatchLogs' | 'firehose';

/** Where in the destination a record is. */
export function placeOf(kind: Kind, record: TestRecord): { label: string; text: string } {
  const id = idOf(record.roomArn);
  const hour = record.time.toISOString().slice(0, 13).replace(/[-T]/g, '/');
  switch (kind) {
    case 's3': return { label: 'Objects that begin with', text: `AWSLogs/${page.account}/IVSChatLogs/1.0/${page.region}/room_${id}/${hour}/` };
    case 'cloudWatchLogs': return { label: 'Log stream', text: `aws/IVSChatLogs/1.0/room_${id}` };
    default: return { label: 'Record with the ID', text: record.eventId };
  }
}

/** What the server's metrics say since a record was sent. */
export interface Delivery {
  state: 'waiting' | 'delivered' | 'failing' | 'dropped';
  failures: number;
  denied: boolean;
  missing: boolean;
  /** Whether the server counts the errors of so many others that those of this one are not counted. */
  uncounted: boolean;
}

const names = {
  records: 'confab_log_records_total', lag: 'confab_log_lag_seconds', failures: 'confab_log_destination_errors_total', dropped: 'confab_log_records_dropped_total',
  denied: 'confab_log_destination_access_denied_errors_total', missing: 'confab_log_destination_resource_not_found_errors_total',
};
// How many series of a metric the server keeps.
const mostSeries = 64;
const step = 10;
// The server measures the lag once a second, and clocks differ a little.
const tolerance = 3000;

/**
 * Asks what became of a record. Records are counted for each kind of destination. The age of
 * the oldest one that was not delivered says whether it can be this one.
 */
export async function deliveryOf(configurationArn: string, kind: Kind, record: TestRecord): Promise<Delivery> {
  const startTime = new Date(Math.floor(record.time.getTime() / (step * 1000)) * step * 1000).toISOString();
  const { series = [] } = await confab('GetMetrics', { names: Object.values(names), startTime, periodInSeconds: step });
  const of = (name: string, label: string, value: string) => series.filter((s) => s.name === name && s.labels?.[label] === value);
  const count = (all: MetricSeries[]) => all.reduce((n, s) => n + s.values!.reduce((sum, v) => sum + (v ?? 0), 0), 0);
  const here = (name: string) => count(of(name, 'logging_configuration', configurationArn));
  const failures = here(names.failures);
  const result = { failures, denied: here(names.denied) > 0, missing: here(names.missing) > 0, uncounted: false };
  if (here(names.dropped) > 0) return { ...result, state: 'dropped' };
  const delivered = count(of(names.records, 'destination', kind)) > 0 && of(names.lag, 'destination', kind).some((lag) => lag.values!.some((seconds, i) => {
    const age = Date.parse(lag.startTime!) + (i + 1) * step * 1000 - record.time.getTime();
    return seconds !== null && seconds !== undefined && age > tolerance && seconds * 1000 < age - tolerance;
  }));
  const counted = series.filter((s) => s.name === names.failures);
  const uncounted = counted.length >= mostSeries && !counted.some((s) => s.labels?.logging_configuration === configurationArn);
  return { ...result, uncounted, state: delivered ? 'delivered' : failures > 0 ? 'failing' : 'waiting' };
}
