// How many people were in rooms, as far as pages of this browser have seen it: the server
// keeps no such series. It is kept in the browser's storage, for each server and room.
import { endpoint } from './page';
import { idOf } from './router';

/** The time of a minute, in milliseconds, and the most people seen in it. */
export type Seen = [minute: number, people: number];

export const minute = 60_000;
const kept = 6 * 60;
const mostRooms = 40;
const prefix = `confab-viewers ${endpoint} `;

/** What was seen of a room in the last six hours, the oldest first. */
export function seenOf(roomArn: string): Seen[] {
  const since = Date.now() - kept * minute;
  try {
    const all = JSON.parse(localStorage.getItem(prefix + idOf(roomArn)) ?? '[]') as Seen[];
    return all.filter(([at, people]) => at >= since && people >= 0);
  } catch {
    return [];
  }
}

/** Notes how many people are in a room now. */
export function see(roomArn: string, people: number) {
  const now = Math.floor(Date.now() / minute) * minute;
  const all = seenOf(roomArn);
  const last = all.at(-1);
  if (last?.[0] === now) {
    if (last[1] >= people) return;
    last[1] = people;
  } else {
    all.push([now, people]);
  }
  store(prefix + idOf(roomArn), JSON.stringify(all.slice(-kept)));
}

// store keeps a room, and drops those that were seen longest ago if there are too many.
function store(key: string, value: string) {
  try {
    if (localStorage.getItem(key) === null) {
      const others = Object.keys(localStorage).filter((k) => k.startsWith(prefix));
      const lastSeen = (k: string) => (JSON.parse(localStorage.getItem(k) || '[]') as Seen[]).at(-1)?.[0] ?? 0;
      others.sort((a, b) => lastSeen(b) - lastSeen(a)).slice(mostRooms - 1).forEach((k) => localStorage.removeItem(k));
    }
    localStorage.setItem(key, value);
  } catch {
    // A browser without storage, or with a full one, shows the people of now only.
  }
}
