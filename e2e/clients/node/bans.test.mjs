// The official chat client where users are banned: what they see, and what others see.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DisconnectUserRequest, SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { Client, join, newRoom, tokenFor, url } from './support.mjs';

// moderate calls an operation on bans with a moderator's chat token.
async function moderate(room, operation, members) {
  const { token } = await tokenFor(room, 'moderator', { capabilities: ['DISCONNECT_USER'] });
  const answer = await fetch(`${url.replace(/^ws/, 'http')}/_confab/v1/${operation}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(members),
  });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body;
}

describe('bans', () => {
  test('a banned user is disconnected for good, and others are told', async () => {
    const room = await newRoom();
    const [bad, good] = await Promise.all([join(room, 'bad'), join(room, 'good')]);
    await moderate(room, 'CreateBan', { roomIdentifier: room, userId: 'bad', type: 'BAN', reason: 'spam' });
    const event = await good.next('userDisconnect');
    assert.equal(event.userId, 'bad');
    assert.equal(event.reason, 'spam');
    await bad.next('disconnect');
    const again = new Client(() => tokenFor(room, 'bad'));
    again.room.connect();
    await again.next('disconnect');
    assert.ok(!again.has('connect'));
    await good.room.sendMessage(new SendMessageRequest('still here'));
    good.room.disconnect();
  });

  test('a muted user reads why, and reads on', async () => {
    const room = await newRoom();
    const [loud, other] = await Promise.all([join(room, 'loud'), join(room, 'other')]);
    const ban = await moderate(room, 'CreateBan', { roomIdentifier: room, userId: 'loud', type: 'MUTE', durationInSeconds: 240 });
    await assert.rejects(loud.room.sendMessage(new SendMessageRequest('hello')), (e) => {
      assert.equal(e.errorCode, 403);
      assert.equal(e.errorMessage, 'You are muted for 4 minutes');
      return true;
    });
    await other.room.sendMessage(new SendMessageRequest('quiet at last'));
    assert.equal((await loud.next('message')).content, 'quiet at last');
    await moderate(room, 'DeleteBan', { id: ban.id });
    await loud.room.sendMessage(new SendMessageRequest('back'));
    for (const c of [loud, other]) c.room.disconnect();
  });

  test('a stock moderation page bans in rooms with confab:disconnect-ban', async () => {
    const room = await newRoom({ tags: { 'confab:disconnect-ban': '10m' } });
    const [moderator, bad] = await Promise.all([join(room, 'moderator'), join(room, 'bad')]);
    await moderator.room.disconnectUser(new DisconnectUserRequest('bad', 'spam'));
    await bad.next('disconnect');
    let bans = [];
    for (let n = 0; bans.length === 0 && n < 20; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250)); // A token may make five calls a second.
      bans = (await moderate(room, 'ListBans', { roomIdentifier: room })).bans;
    }
    assert.equal(bans[0].userId, 'bad');
    const again = new Client(() => tokenFor(room, 'bad'));
    again.room.connect();
    await again.next('disconnect');
    assert.ok(!again.has('connect'));
    moderator.room.disconnect();
  });
});
