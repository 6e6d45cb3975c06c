// The official chat client renews its token by a second connection, against a
// server that gathers the frames of a room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SendEventCommand } from '@aws-sdk/client-ivschat';
import { Client, api, join, newRoom, tokenFor } from './support.mjs';

test('refreshes its token in the middle of the delivery window and loses nothing', { timeout: 120_000 }, async () => {
  const room = await newRoom();
  const begun = [];
  // 25 refreshes of each of two clients, one every 400 ms: at 30.4 seconds before
  // its end a client opens the connection that replaces the one it has.
  const clients = [0, 1].map(
    (i) =>
      new Client(async (n) => {
        const t = await tokenFor(room, `viewer-${i}`);
        return { token: t.token, tokenExpirationTime: n <= 25 ? new Date(Date.now() + 30_400) : t.tokenExpirationTime };
      }),
  );
  const steady = await join(room, 'steady');
  await Promise.all(clients.map((c) => c.connect()));
  for (let sent = 0; clients.some((c) => c.tokens < 26); sent += 1) {
    begun.push(api.send(new SendEventCommand({ roomIdentifier: room, eventName: 'app:tick', attributes: { n: String(sent) } })));
    await new Promise((r) => setTimeout(r, 1000 / 48));
  }
  await Promise.all(begun);
  const { id } = await api.send(new SendEventCommand({ roomIdentifier: room, eventName: 'app:last' }));
  const heard = (c) => c.seen.filter((e) => e.name === 'event').map((e) => e.value.id);
  for (const c of [steady, ...clients]) await c.next('event', (e) => e.id === id);
  assert.ok(begun.length > 50, `${begun.length} events`); // Some 500 where the machine keeps up.
  const all = heard(steady);
  assert.equal(all.length, begun.length);
  for (const c of clients) {
    const had = new Set(heard(c));
    // What was sent before it connected does not count.
    const missing = all.slice(all.findIndex((e) => had.has(e))).filter((e) => !had.has(e));
    assert.deepEqual(missing, [], `${missing.length} of ${all.length} events are missing`);
    assert.ok(!c.has('disconnect'));
  }
  for (const c of [steady, ...clients]) c.room.disconnect();
});
