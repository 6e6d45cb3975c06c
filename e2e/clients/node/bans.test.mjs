// The official chat client where people are banned, muted, hidden, slowed down or filtered: what
// they see, and what others see.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeleteMessageRequest, DisconnectUserRequest, SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { Client, join, newRoom, ours, tokenFor, url } from './support.mjs';

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

const socketOf = (client) => client.room.currentConnection.socket;

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

  test('a hidden user sees a normal chat on all devices, and others see nothing of it', async () => {
    const room = await newRoom({ tags: { 'confab:history': '1h', 'confab:history-on-join': '10', 'confab:catch-up': '1m' } });
    const [troll, phone, other] = await Promise.all([join(room, 'troll'), join(room, 'troll'), join(room, 'other')]);
    const ban = await moderate(room, 'CreateBan', { roomIdentifier: room, userId: 'troll', type: 'HIDE' });
    const sent = await troll.room.sendMessage(new SendMessageRequest('hidden', { mood: 'sour' }));
    assert.equal(sent.content, 'hidden'); // The promise settles as for everybody.
    for (const c of [troll, phone]) {
      const m = await c.next('message');
      assert.deepEqual([m.content, m.id, m.attributes.mood], ['hidden', sent.id, 'sour']);
    }
    for (const c of [phone, other]) socketOf(c).terminate(); // Both are away for a moment.
    await troll.room.sendMessage(new SendMessageRequest('hidden again'));
    await troll.room.deleteMessage(new DeleteMessageRequest(sent.id));
    assert.equal((await phone.next('message')).content, 'hidden again');
    assert.equal((await phone.next('messageDelete')).messageId, sent.id);
    await other.next('connect', () => true);
    await other.room.sendMessage(new SendMessageRequest('quiet here'));
    assert.equal((await phone.next('message')).content, 'quiet here');
    const [laptop, late] = await Promise.all([join(room, 'troll'), join(room, 'late')]);
    for (const content of ['hidden again', 'quiet here']) await laptop.next('message', (m) => m.content === content);
    await moderate(room, 'DeleteBan', { id: ban.id });
    await troll.room.sendMessage(new SendMessageRequest('I am back'));
    for (const c of [other, late]) await c.next('message', (m) => m.content === 'I am back');
    for (const c of [other, late]) {
      const seen = c.seen.filter((e) => e.name === 'message').map((e) => e.value.content);
      assert.deepEqual(seen, ['quiet here']);
      assert.ok(!c.has('messageDelete'));
    }
    for (const c of [troll, phone, other, laptop, late]) c.room.disconnect();
  });

  test('slow mode says how long to wait, and moderators need not', async () => {
    const room = await newRoom({ tags: { 'confab:slow-mode': '1h' } });
    const [eager, moderator] = await Promise.all([join(room, 'eager', { capabilities: ['SEND_MESSAGE'] }), join(room, 'moderator')]);
    await eager.room.sendMessage(new SendMessageRequest('one'));
    await assert.rejects(eager.room.sendMessage(new SendMessageRequest('two')), (e) => {
      assert.equal(e.errorCode, 429);
      assert.match(e.errorMessage, /^Slow mode: wait (59|60) minutes$|^Slow mode: wait 1 hour$/);
      return true;
    });
    for (const content of ['slow', 'down']) await moderator.room.sendMessage(new SendMessageRequest(content));
    const seen = [];
    for (let n = 0; n < 3; n += 1) seen.push((await eager.next('message')).content);
    assert.deepEqual(seen, ['one', 'slow', 'down']);
    for (const c of [eager, moderator]) c.room.disconnect();
  });

  test('filters refuse, mask and hide what an unmodified client sends', async () => {
    const room = await newRoom();
    for (const [name, action, term] of [['no', 'DENY', 'forbidden'], ['stars', 'MASK', 'darn'], ['shadow', 'HIDE', 'spam']]) {
      await ours('PutContentFilter', { roomIdentifier: room, name, action, terms: [term], ...(action === 'DENY' && { message: 'Be kind' }) });
    }
    const [ann, bob] = await Promise.all([join(room, 'ann', { capabilities: ['SEND_MESSAGE'] }), join(room, 'bob')]);
    await assert.rejects(ann.room.sendMessage(new SendMessageRequest('f.o.r.b.i.d.d.e.n')), (e) => {
      assert.equal(e.errorCode, 406);
      assert.equal(e.errorMessage, 'Be kind');
      return true;
    });
    assert.equal((await ann.room.sendMessage(new SendMessageRequest('buy SPAM'))).content, 'buy SPAM');
    assert.equal((await ann.room.sendMessage(new SendMessageRequest('well darn it'))).content, 'well **** it');
    assert.equal((await ann.next('message')).content, 'buy SPAM');
    for (const c of [ann, bob]) assert.equal((await c.next('message')).content, 'well **** it');
    for (const c of [ann, bob]) c.room.disconnect();
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
