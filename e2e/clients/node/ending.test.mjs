// How sessions end, as the official chat client and its WebSocket see it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DisconnectUserCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { WebSocket } from 'ws';
import { Client, api, join, newRoom, tokenFor } from './support.mjs';

// sockets are those that the clients have opened, with how each was closed.
const sockets = [];

globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    this.closed = new Promise((resolve) => {
      this.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    this.token = args[1];
    sockets.push(this);
  }
};

const later = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

describe('a session ends', { concurrency: true }, () => {
  for (const [reason, want] of [
    ['spam', 'spam'],
    [undefined, 'Disconnected'],
    ['ü'.repeat(100), 'ü'.repeat(61)], // 123 bytes hold 61 of them.
  ]) {
    test(`by a moderator, for the reason ${reason}`, async () => {
      const room = await newRoom();
      let token;
      const c = await new Client(async () => (token = await tokenFor(room, 'bad'))).connect();
      const socket = sockets.find((s) => String(s.token) === token.token);
      await api.send(new DisconnectUserCommand({ roomIdentifier: room, userId: 'bad', reason }));
      assert.deepEqual(await socket.closed, { code: 1000, reason: want });
      assert.equal(await c.next('disconnect'), 'serverDisconnect');
    });
  }

  test('at its time: ERROR 401, and the same in the reason of the Close', { timeout: 120_000 }, async () => {
    const room = await newRoom();
    const tokens = [];
    const c = new Client(async () => {
      const t = await tokenFor(room, 'a', { sessionDurationInMinutes: 1 });
      tokens.push(t.token);
      return { token: t.token }; // Without times, so nothing is refreshed early.
    });
    await c.connect();
    const { code, reason } = await sockets.find((s) => String(s.token) === tokens[0]).closed;
    const { Type, ErrorCode, ErrorMessage } = JSON.parse(reason);
    assert.deepEqual({ code, Type, ErrorCode }, { code: 1000, Type: 'ERROR', ErrorCode: 401 });
    assert.ok(ErrorMessage.length > 0);
    await c.next('connect'); // It comes back.
    c.room.disconnect();
  });

  // A client that loses its socket keeps the timer for the refresh of the lost one, beside
  // that of the next. When both end together it opens two connections, and forgets one.
  test('beside a connection of the same client, which stays', { timeout: 180_000 }, async () => {
    const room = await newRoom();
    const own = [];
    const refresh = new Date(Date.now() + 33_000); // 30 seconds before it, the client refreshes.
    const c = new Client(async (n) => {
      const t = await tokenFor(room, 'a', { sessionDurationInMinutes: n <= 2 ? 180 : 1 });
      own.push(t.token);
      return n <= 2 ? { token: t.token, tokenExpirationTime: refresh } : { token: t.token };
    });
    await c.connect();
    const mine = () => sockets.filter((s) => own.includes(String(s.token)));
    mine()[0].terminate();
    await c.next('connect');
    const steady = await join(room, 'steady');
    await later(8);
    const open = mine().filter((s) => s.readyState === WebSocket.OPEN);
    assert.ok(open.length > 1, `${open.length} connections are open, so none was forgotten`);
    // A minute later the sessions of both end.
    const closed = await Promise.all(open.map((s) => s.closed));
    await later(5);
    assert.ok(!c.has('disconnect'), `the client gave up: ${JSON.stringify(closed)}`);
    assert.equal(c.room.state, 'connected');
    await c.room.sendMessage(new SendMessageRequest('still here'));
    await steady.next('message', (m) => m.content === 'still here');
    c.room.disconnect();
    steady.room.disconnect();
  });
});
