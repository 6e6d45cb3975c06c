// The tags that set what Confab adds to a room, as controls of a form.
import { session } from '../confab/session';

export interface Setting {
  tag: string;
  /** The name of the extension in GetServer that has it. */
  extension: string;
  label: string;
  help: string;
  allowed?: string;
  choices?: string[];
  fallback: string;
}

const all: Setting[] = [
  { tag: 'confab:history', extension: 'history', label: 'History', help: 'How long messages are kept, for reading them later.', allowed: 'off, or 1m to 8760h, such as 24h', fallback: 'off' },
  { tag: 'confab:history-read', extension: 'history', label: 'Who may read the history', help: 'With a chat token of the room.', choices: ['all', 'staff', 'nobody'], fallback: 'all' },
  { tag: 'confab:history-on-join', extension: 'history', label: 'Messages on joining', help: 'How many of the latest messages a new connection gets first.', allowed: '0 to 200', fallback: '0' },
  { tag: 'confab:presence', extension: 'presence', label: 'Presence', help: 'Tells the people in the room how many they are, and with full also who comes and leaves.', choices: ['off', 'count', 'full'], fallback: 'off' },
];

/** The settings that this server has. */
export function settings(): Setting[] {
  const { server } = session();
  return all.filter((s) => server?.extensions?.includes(s.extension));
}
