// The official chat client in a room that pushes who is there.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client, join, newRoom, tokenFor } from './support.mjs';

const watched = (presence) => newRoom({ tags: { 'confab:presence': presence } });
const viewers = (users) => (e) => e.eventName === 'confab:VIEWERS' && e.attributes.Users === String(users);
const told = (client, name) => client.seen.filter((e) => e.name === 'event' && e.value.eventName === name).map((e) => e.value.attributes);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

describe('presence', () => {
  test('viewers come as events', async () => {
    const room = await watched('count');
    const ann = await join(room, 'ann');
    const first = await ann.next('event', viewers(1));
    assert.deepEqual(first.attributes, { Users: '1', Connections: '1' });
    const bob = await join(room, 'bob');
    await bob.next('event', viewers(2));
    await ann.next('event', viewers(2));
    bob.room.disconnect();
    await ann.next('event', viewers(1));
    ann.room.disconnect();
  });

  test('a user who refreshes never leaves', { timeout: 120_000 }, async () => {
    const room = await watched('full');
    const ann = await join(room, 'ann');
    // A client opens the next connection 30 seconds before its token ends.
    const bob = new Client(async (n) => {
      const t = await tokenFor(room, 'bob', { sessionDurationInMinutes: 1 });
      return { token: t.token, tokenExpirationTime: n <= 8 ? new Date(Date.now() + 30_700) : t.tokenExpirationTime };
    });
    await ann.next('event', viewers(1));
    await bob.connect();
    await ann.next('event', viewers(2));
    while (bob.tokens < 9) await pause(100);
    await pause(14_000); // Longer than it takes to say that a user left.
    assert.deepEqual(told(ann, 'confab:LEFT'), []);
    for (const v of told(ann, 'confab:VIEWERS')) assert.equal(v.Users, '2');
    assert.deepEqual(told(ann, 'confab:JOINED').filter((a) => a.UserIds.includes('bob')).length, 1);
    bob.room.disconnect();
    const left = await ann.next('event', (e) => e.eventName === 'confab:LEFT');
    assert.deepEqual(left.attributes, { UserIds: '["bob"]', Count: '1' });
    ann.room.disconnect();
  });
});
