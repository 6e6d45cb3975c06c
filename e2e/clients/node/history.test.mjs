// The official chat client in a room with history: it gets the latest messages and then
// live ones, each once and in order, and a refresh repeats nothing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeleteMessageCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { Client, api, join, newRoom, tokenFor } from './support.mjs';

const kept = (onJoin) => newRoom({ maximumMessageRatePerSecond: 100, tags: { 'confab:history': '1h', 'confab:history-on-join': String(onJoin) } });
const contents = (client) => client.seen.filter((e) => e.name === 'message').map((e) => e.value.content);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// talk sends numbers, one every 20 ms (a connection may send ten a second, so several
// people talk), until it is told to stop, and resolves with how many were sent.
async function talk(room, until) {
  const people = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => join(room, `talker-${n}`)));
  let sent = 0;
  for (; !until(); sent += 1) {
    await people[sent % people.length].room.sendMessage(new SendMessageRequest(String(sent)));
    await pause(20);
  }
  for (const p of people) p.room.disconnect();
  return sent;
}

describe('history', () => {
  test('joins in the middle of a conversation miss nothing and repeat nothing', { timeout: 120_000 }, async () => {
    const room = await kept(200);
    const viewers = [];
    let over = false;
    const talking = talk(room, () => over);
    for (let n = 0; n < 8; n += 1) {
      await pause(300);
      viewers.push(await join(room, `viewer-${n}`));
    }
    await pause(300);
    over = true;
    const sent = await talking;
    const last = String(sent - 1);
    for (const v of viewers) {
      const had = contents(v);
      if (!had.includes(last)) await v.next('message', (m) => m.content === last);
      const all = [...contents(v), ...(had.includes(last) ? [] : [last])];
      assert.deepEqual(all.slice(0, sent), Array.from({ length: sent }, (_, i) => String(i)));
      v.room.disconnect();
    }
  });

  test('a message of the history is as it was', async () => {
    const room = await kept(10);
    const ann = await join(room, 'ann', { attributes: { colour: 'blue' } });
    const sent = await ann.room.sendMessage(new SendMessageRequest('hello', { kind: 'greeting' }));
    const bob = await join(room, 'bob');
    const got = await bob.next('message');
    assert.equal(got.id, sent.id);
    assert.equal(got.content, 'hello');
    assert.deepEqual(got.attributes, { kind: 'greeting' });
    assert.deepEqual(got.sender, { userId: 'ann', attributes: { colour: 'blue' } });
    assert.equal(got.sendTime.getTime(), sent.sendTime.getTime());
    await api.send(new DeleteMessageCommand({ roomIdentifier: room, id: sent.id }));
    await bob.next('messageDelete');
    const eve = await join(room, 'eve');
    await pause(500);
    assert.deepEqual(contents(eve), []);
    for (const c of [ann, bob, eve]) c.room.disconnect();
  });

  test('refreshes repeat nothing', { timeout: 120_000 }, async () => {
    const room = await kept(200);
    // A client opens the next connection 30 seconds before its token ends; the session
    // itself ends within 75 seconds then.
    const viewer = new Client(async (n) => {
      const t = await tokenFor(room, 'viewer', { sessionDurationInMinutes: 1 });
      return { token: t.token, tokenExpirationTime: n <= 5 ? new Date(Date.now() + 30_700) : t.tokenExpirationTime };
    });
    await viewer.connect();
    const sent = await talk(room, () => viewer.tokens >= 6);
    if (!contents(viewer).includes(String(sent - 1))) await pause(1000);
    assert.deepEqual(contents(viewer), Array.from({ length: sent }, (_, i) => String(i)));
    viewer.room.disconnect();
  });

  test('a reload and a second tab get it', async () => {
    const room = await kept(10);
    const talker = await join(room, 'talker');
    await talker.room.sendMessage(new SendMessageRequest('1'));
    for (let tab = 0; tab < 2; tab += 1) {
      const client = await join(room, 'viewer');
      assert.equal((await client.next('message')).content, '1');
      client.room.disconnect();
    }
    talker.room.disconnect();
  });
});
