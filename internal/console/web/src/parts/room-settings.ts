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
  { tag: 'confab:catch-up', extension: 'catch-up', label: 'Catch-up', help: 'How long a client that lost its connection may take to return and still get what it missed.', allowed: 'off, or 5s to 10m', fallback: 'off' },
  { tag: 'confab:slow-mode', extension: 'modes', label: 'Slow mode', help: 'The time that each user waits between two messages. Staff do not wait.', allowed: 'off, or 1s to 1h', fallback: 'off' },
  { tag: 'confab:send', extension: 'modes', label: 'Who may send messages', help: 'With a chat token that allows sending.', choices: ['all', 'staff', 'nobody'], fallback: 'all' },
  { tag: 'confab:links', extension: 'modes', label: 'Who may send links', help: 'Messages of others with links are refused.', choices: ['all', 'staff', 'nobody'], fallback: 'all' },
  { tag: 'confab:repeat', extension: 'modes', label: 'No repeats', help: 'The time in which a user cannot send the same message again.', allowed: 'off, or 1s to 1h', fallback: 'off' },
  { tag: 'confab:disconnect-ban', extension: 'bans', label: 'Ban on disconnect', help: 'How long a user whom a moderator disconnects is also banned from the room.', allowed: 'off, or 1m to 8760h', fallback: 'off' },
];

/** The settings that this server has. */
export function settings(): Setting[] {
  const { server } = session();
  return all.filter((s) => server?.extensions?.includes(s.extension));
}
