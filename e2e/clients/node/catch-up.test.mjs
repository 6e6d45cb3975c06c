// The official chat client in a room in which clients catch up: it misses nothing over lost
// connections and refreshes, gets each message once and in order, and pending sends settle.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DisconnectUserCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { Client, api, join, newRoom, tokenFor } from './support.mjs';

const room = () => newRoom({ maximumMessageRatePerSecond: 100, tags: { 'confab:catch-up': '1m' } });
const contents = (client) => client.seen.filter((e) => e.name === 'message').map((e) => e.value.content);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const numbers = (n) => Array.from({ length: n }, (_, i) => String(i));
const socketOf = (client) => client.room.currentConnection.socket;

// talk sends numbers, one every 20 ms, until it is told to stop, and resolves with how many.
async function talk(arn, until) {
  const people = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => join(arn, `talker-${n}`)));
  let sent = 0;
  for (; !until(); sent += 1) {
    await people[sent % people.length].room.sendMessage(new SendMessageRequest(String(sent)));
    await pause(20);
  }
  for (const p of people) p.room.disconnect();
  return sent;
}

// joinAs is join with a User-Agent of its own: each token connects as one.
const agents = new Map();
const Socket = globalThis.WebSocket;
globalThis.WebSocket = class extends Socket {
  constructor(address, token) {
    super(address, token, agents.has(String(token)) ? { headers: { 'User-Agent': agents.get(String(token)) } } : {});
  }
};
function joinAs(arn, userId, agent) {
  return new Client(async () => {
    const t = await tokenFor(arn, userId);
    agents.set(t.token, agent);
    return t;
  }).connect();
}

// all waits until the client has the last of n numbers, and checks that it has each once.
async function all(client, n) {
  for (let i = 0; i < 100 && !contents(client).includes(String(n - 1)); i += 1) await pause(100);
  assert.deepEqual(contents(client), numbers(n));
}

describe('catch-up', () => {
  test('lost connections miss nothing and repeat nothing', { timeout: 120_000 }, async () => {
    const arn = await room();
    const viewers = await Promise.all([0, 1, 2].map((n) => join(arn, `viewer-${n}`)));
    let over = false;
    const talking = talk(arn, () => over);
    for (let round = 0; round < 4; round += 1) {
      for (const v of viewers) {
        await pause(200);
        socketOf(v)?.terminate(); // The connection is gone without a Close frame.
      }
    }
    await pause(1000);
    over = true;
    const sent = await talking;
    for (const v of viewers) {
      await all(v, sent);
      assert.equal(v.has('disconnect'), false);
      v.room.disconnect();
    }
  });

  test('a socket that ends with FIN, one that is reset and one that is destroyed', { timeout: 120_000 }, async () => {
    const arn = await room();
    const ways = [(s) => s.end(), (s) => s.resetAndDestroy(), (s) => s.destroy()];
    const viewers = await Promise.all(ways.map((_, i) => join(arn, `viewer-${i}`)));
    let over = false;
    const talking = talk(arn, () => over);
    for (let round = 0; round < 2; round += 1) {
      await pause(400);
      ways.forEach((end, i) => end(socketOf(viewers[i])._socket));
      for (const v of viewers) await v.next('connect');
    }
    over = true;
    const sent = await talking;
    for (const v of viewers) {
      await all(v, sent);
      v.room.disconnect();
    }
  });

  test('several tabs of one user, and a phone beside a laptop', { timeout: 120_000 }, async () => {
    const arn = await room();
    const tabs = await Promise.all(['laptop', 'laptop', 'laptop', 'phone'].map((agent) => joinAs(arn, 'viewer', agent)));
    let over = false;
    const talking = talk(arn, () => over);
    await pause(400);
    // One tab is closed, the others lose their network, one after the other comes back; the phone
    // loses its own while they are there.
    tabs[0].room.disconnect();
    for (const t of tabs.slice(1, 3)) socketOf(t).terminate();
    for (const t of tabs.slice(1, 3)) await t.next('connect');
    await pause(300);
    socketOf(tabs[3]).terminate();
    await tabs[3].next('connect');
    await pause(300);
    over = true;
    const sent = await talking;
    for (const t of tabs.slice(1)) {
      await all(t, sent);
      t.room.disconnect();
    }
  });

  test('a client whose connection stays open and silent misses nothing', { timeout: 120_000 }, async () => {
    const arn = await room();
    const viewer = await join(arn, 'viewer');
    let over = false;
    const talking = talk(arn, () => over);
    await pause(500);
    // Another network: the old socket receives nothing, and nobody closes it.
    const silent = socketOf(viewer);
    silent._socket.pause();
    await pause(1000);
    viewer.room.currentConnection.onClose({ wasClean: false, code: 1006 });
    await pause(1000);
    over = true;
    await all(viewer, await talking);
    viewer.room.disconnect();
    silent.terminate();
  });

  test('refreshes miss nothing and repeat nothing', { timeout: 120_000 }, async () => {
    const arn = await room();
    const viewer = new Client(async (n) => {
      const t = await tokenFor(arn, 'viewer', { sessionDurationInMinutes: 1 });
      return { token: t.token, tokenExpirationTime: n <= 5 ? new Date(Date.now() + 31_500) : t.tokenExpirationTime };
    });
    await viewer.connect();
    const sent = await talk(arn, () => viewer.tokens >= 6);
    await all(viewer, sent);
    viewer.room.disconnect();
  });

  test('a pending send settles', async () => {
    const arn = await room();
    const [ann, bob] = await Promise.all([join(arn, 'ann'), join(arn, 'bob')]);
    socketOf(ann)._socket.pause();
    const sending = ann.room.sendMessage(new SendMessageRequest('hello'));
    const got = await bob.next('message');
    socketOf(ann).terminate();
    assert.equal((await sending).id, got.id);
    for (const c of [ann, bob]) c.room.disconnect();
  });

  test('who leaves, or is disconnected, gets nothing', async () => {
    const arn = await room();
    const [ann, bob] = await Promise.all([join(arn, 'ann'), join(arn, 'bob')]);
    ann.room.disconnect();
    await pause(300);
    await bob.room.sendMessage(new SendMessageRequest('1'));
    await pause(500); // Any new connection gets what was delivered a moment before.
    await ann.connect();
    const eve = await join(arn, 'eve');
    socketOf(eve).terminate();
    await api.send(new DisconnectUserCommand({ roomIdentifier: arn, userId: 'eve' }));
    await pause(300);
    assert.deepEqual(contents(ann), []);
    for (const c of [ann, bob, eve]) c.room.disconnect();
  });
});
