// The official chat client in Node, against one server.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeleteRoomCommand, DisconnectUserCommand, DeleteMessageCommand, SendEventCommand } from '@aws-sdk/client-ivschat';
import { DeleteMessageRequest, DisconnectUserRequest, SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { Client, api, join, newRoom, tokenFor } from './support.mjs';

// refusal resolves with the ChatError that a promise of the client rejects with.
async function refusal(promise) {
  try {
    await promise;
  } catch (e) {
    return e;
  }
  throw new Error('the request was not refused');
}

describe('the chat client', { concurrency: true }, () => {
  test('connects, and gets its own message', async () => {
    const c = await join(await newRoom(), 'ann', { attributes: { colour: 'blue' } });
    assert.equal(c.room.state, 'connected');
    const sent = await c.room.sendMessage(new SendMessageRequest('hello', { kind: 'greeting' }));
    assert.equal(sent.content, 'hello');
    assert.deepEqual(sent.attributes, { kind: 'greeting' });
    assert.equal(sent.sender.userId, 'ann');
    assert.deepEqual(sent.sender.attributes, { colour: 'blue' });
    assert.ok(Math.abs(sent.sendTime - new Date()) < 60_000);
    assert.match(sent.id, /^[a-zA-Z0-9]{12}$/);
    assert.deepEqual(await c.next('message'), sent);
    c.room.disconnect();
  });

  test('receives others, with and without attributes', async () => {
    const room = await newRoom();
    const [a, b] = await Promise.all([join(room, 'a'), join(room, 'b', { capabilities: [] })]);
    await a.room.sendMessage(new SendMessageRequest('plain'));
    const got = await b.next('message');
    assert.equal(got.content, 'plain');
    assert.equal(got.sender.userId, 'a');
    a.room.disconnect();
    b.room.disconnect();
  });

  test('gets events that a backend sends', async () => {
    const room = await newRoom();
    const c = await join(room, 'a');
    const { id } = await api.send(new SendEventCommand({ roomIdentifier: room, eventName: 'app:live', attributes: { on: 'yes' } }));
    const event = await c.next('event');
    assert.equal(event.id, id);
    assert.equal(event.eventName, 'app:live');
    assert.deepEqual(event.attributes, { on: 'yes' });
    c.room.disconnect();
  });

  test('deletes a message', async () => {
    const room = await newRoom();
    const [a, b] = await Promise.all([join(room, 'a'), join(room, 'b')]);
    const sent = await a.room.sendMessage(new SendMessageRequest('bad'));
    const deleted = await b.room.deleteMessage(new DeleteMessageRequest(sent.id, 'spam'));
    assert.equal(deleted.messageId, sent.id);
    assert.equal(deleted.reason, 'spam');
    assert.equal((await a.next('messageDelete')).messageId, sent.id);
    await api.send(new DeleteMessageCommand({ roomIdentifier: room, id: sent.id }));
    assert.equal((await a.next('messageDelete')).messageId, sent.id);
    a.room.disconnect();
    b.room.disconnect();
  });

  test('is disconnected for good by a moderator', async () => {
    const room = await newRoom();
    const [bad, moderator] = await Promise.all([join(room, 'bad'), join(room, 'moderator')]);
    const event = await moderator.room.disconnectUser(new DisconnectUserRequest('bad', 'spam'));
    assert.equal(event.userId, 'bad');
    assert.equal(event.reason, 'spam');
    assert.equal((await bad.next('userDisconnect')).userId, 'bad');
    assert.equal(await bad.next('disconnect'), 'serverDisconnect');
    assert.equal(bad.room.state, 'disconnected');
    assert.equal(bad.tokens, 1);
    assert.equal(moderator.room.state, 'connected');
    moderator.room.disconnect();
  });

  test('is disconnected for good by a backend', async () => {
    const room = await newRoom();
    const bad = await join(room, 'bad');
    await api.send(new DisconnectUserCommand({ roomIdentifier: room, userId: 'bad', reason: 'spam' }));
    assert.equal((await bad.next('userDisconnect')).reason, 'spam');
    assert.equal(await bad.next('disconnect'), 'serverDisconnect');
    assert.equal(bad.tokens, 1);
  });

  test('leaves and comes back', async () => {
    const c = await join(await newRoom(), 'a');
    c.room.disconnect();
    assert.equal(await c.next('disconnect'), 'clientDisconnect');
    await c.connect();
    await c.room.sendMessage(new SendMessageRequest('again'));
    c.room.disconnect();
  });

  test('error 400: empty, and too long', async () => {
    const c = await join(await newRoom({ maximumMessageLength: 5 }), 'a');
    const e = await refusal(c.room.sendMessage(new SendMessageRequest('123456')));
    assert.equal(e.errorCode, 400);
    assert.equal(e.errorMessage, 'Message exceeds maximum length');
    assert.equal((await refusal(c.room.sendMessage(new SendMessageRequest('  ')))).errorCode, 400);
    await c.room.sendMessage(new SendMessageRequest('12345'));
    c.room.disconnect();
  });

  test('error 403: no capability', async () => {
    const c = await join(await newRoom(), 'a', { capabilities: [] });
    for (const promise of [
      c.room.sendMessage(new SendMessageRequest('x')),
      c.room.deleteMessage(new DeleteMessageRequest('AAAAAAAAAAAA')),
      c.room.disconnectUser(new DisconnectUserRequest('b')),
    ]) {
      assert.equal((await refusal(promise)).errorCode, 403);
    }
    c.room.disconnect();
  });

  test('error 404: the room is gone', async () => {
    const room = await newRoom();
    const c = await join(room, 'a');
    await api.send(new DeleteRoomCommand({ identifier: room }));
    assert.equal((await refusal(c.room.sendMessage(new SendMessageRequest('x')))).errorCode, 404);
    assert.equal(c.room.state, 'connected');
    c.room.disconnect();
  });

  test('error 413: attributes too large', async () => {
    const c = await join(await newRoom(), 'a');
    assert.equal((await refusal(c.room.sendMessage(new SendMessageRequest('x', { k: 'v'.repeat(1024) })))).errorCode, 413);
    c.room.disconnect();
  });

  test('error 429: too many requests', async () => {
    const c = await join(await newRoom({ maximumMessageRatePerSecond: 1 }), 'a');
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => c.room.sendMessage(new SendMessageRequest('x'))));
    const refused = results.filter((r) => r.status === 'rejected').map((r) => r.reason);
    assert.ok(refused.length >= 3, `${refused.length} of 5 refused`);
    for (const e of refused) {
      assert.equal(e.errorCode, 429);
      assert.equal(e.errorMessage, 'rate limit exceeded');
    }
    c.room.disconnect();
  });

  test('tries a refused token four times and gives up', async () => {
    const c = new Client(async () => ({ token: 'made-up' }));
    c.room.connect();
    assert.equal(await c.next('disconnect'), 'socketError');
    assert.equal(c.tokens, 4);
  });

  test('a token that was used is replaced by the second try', async () => {
    const room = await newRoom();
    const used = await tokenFor(room, 'a');
    const first = await new Client(async () => used).connect();
    const second = new Client(async (n) => (n === 1 ? used : tokenFor(room, 'a')));
    await second.connect();
    assert.equal(second.tokens, 2);
    first.room.disconnect();
    second.room.disconnect();
  });

  test('refreshes its token over two connections and loses nothing', async () => {
    const room = await newRoom({ maximumMessageRatePerSecond: 100 });
    // The application says that the first token is good for 32 seconds, so the
    // client opens its second connection two seconds after the first.
    const c = new Client(async (n) => {
      const t = await tokenFor(room, 'a');
      return { token: t.token, tokenExpirationTime: n === 1 ? new Date(Date.now() + 32_000) : t.tokenExpirationTime };
    });
    await c.connect();
    c.seen = [];
    const sender = await join(room, 'sender');
    const stop = Date.now() + 5000;
    let sent = 0;
    while (Date.now() < stop) {
      await sender.room.sendMessage(new SendMessageRequest(String(sent)));
      sent += 1;
      await new Promise((r) => setTimeout(r, 120)); // A sender's pace, below the rate of a connection.
    }
    await c.next('message', (m) => m.content === String(sent - 1));
    const heard = c.seen.filter((e) => e.name === 'message').map((e) => e.value.content);
    assert.equal(c.tokens, 2);
    assert.deepEqual(heard, Array.from({ length: sent - 1 }, (_, i) => String(i)));
    assert.ok(!c.has('disconnect') && !c.has('connecting'));
    await c.room.sendMessage(new SendMessageRequest('after the refresh'));
    c.room.disconnect();
    sender.room.disconnect();
  });

  test('renews by itself when its session ends', { timeout: 120_000 }, async () => {
    const room = await newRoom();
    const c = new Client(async () => {
      const { token } = await tokenFor(room, 'a', { sessionDurationInMinutes: 1 });
      return { token }; // Without times, so nothing is refreshed early.
    });
    await c.connect();
    await c.next('connecting');
    await c.next('connecting', () => true, 90); // One minute later.
    await c.next('connect');
    assert.equal(c.tokens, 2);
    assert.ok(!c.has('disconnect'));
    await c.room.sendMessage(new SendMessageRequest('still here'));
    c.room.disconnect();
  });
});
