// How many people were in rooms, as far as pages of this browser have seen it: the server
// keeps no such series. It is kept in the browser's storage, for each server and room.
import { endpoint } from './page';
import { idOf } from './router';
import { browser } from './storage';

/** The time of a minute, in milliseconds, and the most people seen in it. */
export type Seen = [minute: number, people: number];

export const minute = 60_000;
const kept = 6 * 60;
const mostRooms = 40;
const prefix = `confab-viewers ${endpoint} `;

function read(key: string): Seen[] {
  try {
    return JSON.parse(browser.get(key) ?? '[]') as Seen[];
  } catch {
    return [];
  }
}

/** What was seen of a room in the last six hours, the oldest first. */
export function seenOf(roomArn: string): Seen[] {
  const since = Date.now() - kept * minute;
  return read(prefix + idOf(roomArn)).filter(([at, people]) => at >= since && people >= 0);
}

/** Notes how many people are in a room now. */
export function see(roomArn: string, people: number) {
  const key = prefix + idOf(roomArn);
  const now = Math.floor(Date.now() / minute) * minute;
  const all = seenOf(roomArn);
  const last = all.at(-1);
  if (last?.[0] === now) {
    if (last[1] >= people) return;
    last[1] = people;
  } else {
    all.push([now, people]);
  }
  if (browser.get(key) === undefined) dropOthers();
  browser.set(key, JSON.stringify(all.slice(-kept)));
}

// dropOthers makes place for another room: it drops those that were seen longest ago.
function dropOthers() {
  const others = browser.keys().filter((k) => k.startsWith(prefix));
  const lastSeen = (key: string) => read(key).at(-1)?.[0] ?? 0;
  others.sort((a, b) => lastSeen(b) - lastSeen(a)).slice(mostRooms - 1).forEach(browser.remove);
}
