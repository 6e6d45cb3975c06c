// The official chat client in headless Chromium where people are banned, muted, hidden, slowed down
// or filtered: what they see, and what others see.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setInterval } from 'node:timers/promises';
import { closePages, join, next, request, start, state, stop } from './pages.mjs';
import { newRoom, ours, url } from './support.mjs';

before(start);
after(stop);
afterEach(closePages);

const viewer = { capabilities: ['SEND_MESSAGE'] };
const say = (page, ...args) => request(page, 'sendMessage', ...args);
const ban = (room, members) => ours('CreateBan', { roomIdentifier: room, ...members });

// messages waits for the last message and returns the content of all.
async function messages(page, last) {
  await page.waitForFunction((c) => globalThis.seen.some((e) => e[0] === 'message' && e[1].content === c), last, { timeout: 20_000 });
  return page.evaluate(() => globalThis.seen.filter((e) => e[0] === 'message').map((e) => e[1].content));
}

// seen returns the names of the events that the test did not take.
const seen = async (page) => [...new Set(await page.evaluate(() => globalThis.seen.map((e) => e[0])))];

// staysOut has a page that was disconnected connect again, with new tokens. A page is not told
// the status of a refused handshake, so the client tries its four times.
async function staysOut(page) {
  assert.deepEqual(await state(page), { state: 'disconnected', tokens: 1 }); // The client does not come back by itself.
  await page.evaluate((u) => globalThis.connect(u), url);
  assert.equal(await next(page, 'disconnect'), 'socketError');
  assert.deepEqual(await state(page), { state: 'disconnected', tokens: 5 });
  assert.ok(!(await seen(page)).includes('connect'));
}

describe('Chromium', () => {
  test('a banned page is told why and stays out, and others are told', async () => {
    const room = await newRoom();
    const [bad, good] = await Promise.all([join(room, 'bad'), join(room, 'good')]);
    await ban(room, { userId: 'bad', type: 'BAN', durationInSeconds: 300, reason: 'spam' });
    for (const page of [bad, good]) {
      const event = await next(page, 'userDisconnect');
      assert.deepEqual([event.userId, event.reason], ['bad', 'spam']);
    }
    assert.equal(await next(bad, 'disconnect'), 'serverDisconnect');
    await staysOut(bad);
    await say(good, 'still here');
    assert.deepEqual(await messages(good, 'still here'), ['still here']);
    assert.deepEqual(await seen(good), ['connecting', 'message']);
  });

  test('a page of a banned address is disconnected without an event', async () => {
    const room = await newRoom();
    const page = await join(room, 'ann');
    await ban(room, { ipRange: '127.0.0.0/8', type: 'BAN' });
    assert.equal(await next(page, 'disconnect'), 'serverDisconnect');
    await staysOut(page);
    assert.ok(!(await seen(page)).includes('userDisconnect'));
  });

  test('a muted page is told for how long, and reads on', async () => {
    const room = await newRoom();
    const [loud, other] = await Promise.all([join(room, 'loud'), join(room, 'other')]);
    const { id } = await ban(room, { userId: 'loud', type: 'MUTE', durationInSeconds: 240 });
    assert.deepEqual(await say(loud, 'hello'), { refused: 403, text: 'You are muted for 4 minutes' });
    await say(other, 'quiet at last');
    await messages(loud, 'quiet at last');
    await ours('DeleteBan', { id });
    assert.equal((await say(loud, 'back')).content, 'back');
    for (const page of [loud, other]) assert.deepEqual(await messages(page, 'back'), ['quiet at last', 'back']);
  });

  test('a hidden user sees a normal chat in both pages, and others see nothing of it', async () => {
    const room = await newRoom();
    const [troll, second, other] = await Promise.all([join(room, 'troll'), join(room, 'troll'), join(room, 'other')]);
    await ban(room, { userId: 'troll', type: 'HIDE' });
    const sent = await say(troll, 'hidden', { mood: 'sour' });
    assert.deepEqual([sent.content, sent.attributes], ['hidden', { mood: 'sour' }]);
    assert.equal((await request(troll, 'deleteMessage', sent.id)).messageId, sent.id);
    for (const page of [troll, second]) assert.equal((await next(page, 'messageDelete')).messageId, sent.id);
    await say(other, 'to all');
    for (const page of [troll, second]) assert.deepEqual(await messages(page, 'to all'), ['hidden', 'to all']);
    assert.deepEqual(await messages(other, 'to all'), ['to all']);
    assert.deepEqual(await seen(other), ['connecting', 'message']);
  });

  test('modes say what is wrong, and not to moderators', async () => {
    const room = await newRoom({ tags: { 'confab:slow-mode': '1h' } });
    const set = (members) => ours('UpdateRoomModes', { roomIdentifier: room, ...members });
    const [eager, moderator] = await Promise.all([join(room, 'eager', viewer), join(room, 'moderator')]);
    await say(eager, 'one');
    assert.deepEqual(await say(eager, 'two'), { refused: 429, text: 'Slow mode: wait 60 minutes' });
    await set({ slowMode: 'off', repeat: '1h' });
    await say(eager, 'three');
    assert.deepEqual(await say(eager, 'three'), { refused: 406, text: 'You have sent the same message already; it can be sent again in 60 minutes' });
    await set({ repeat: '', links: 'staff' });
    assert.deepEqual(await say(eager, 'see example.com'), { refused: 406, text: 'Messages with links are not allowed in this room' });
    await set({ links: '', send: 'staff' });
    assert.deepEqual(await say(eager, 'four'), { refused: 403, text: 'Only moderators can send messages in this room right now' });
    await set({ slowMode: '1h', repeat: '1h', links: 'staff' });
    for (let n = 0; n < 2; n += 1) assert.equal((await say(moderator, 'rules: example.com')).refused, undefined);
    await set({ send: 'nobody' });
    assert.deepEqual(await say(eager, 'five'), { refused: 403, text: 'Nobody can send messages in this room right now' });
    await say(moderator, 'end');
    const all = ['one', 'three', 'rules: example.com', 'rules: example.com', 'end'];
    for (const page of [eager, moderator]) assert.deepEqual(await messages(page, 'end'), all);
  });

  test('filters refuse, mask, hide and flag', async () => {
    const room = await newRoom();
    for (const [action, term, message] of [['DENY', 'forbidden', 'Be kind'], ['MASK', 'darn'], ['HIDE', 'spam'], ['FLAG', 'odd']]) {
      await ours('PutContentFilter', { roomIdentifier: room, name: action, action, terms: [term], message });
    }
    const [ann, bob] = await Promise.all([join(room, 'ann', viewer), join(room, 'bob')]);
    assert.deepEqual(await say(ann, 'f.o.r.b.i.d.d.e.n'), { refused: 406, text: 'Be kind' });
    assert.equal((await say(ann, 'buy SPAM')).content, 'buy SPAM');
    assert.equal((await say(ann, 'well darn it')).content, 'well **** it');
    assert.equal((await say(ann, 'how odd')).content, 'how odd');
    assert.deepEqual(await messages(ann, 'how odd'), ['buy SPAM', 'well **** it', 'how odd']);
    assert.deepEqual(await messages(bob, 'how odd'), ['well **** it', 'how odd']);
  });

  test('whom a stock moderator page disconnects stays out of a room with confab:disconnect-ban', async () => {
    const room = await newRoom({ tags: { 'confab:disconnect-ban': '10m' } });
    const [moderator, bad, good] = await Promise.all([join(room, 'moderator', { capabilities: ['DISCONNECT_USER'] }), join(room, 'bad'), join(room, 'good')]);
    const done = await request(moderator, 'disconnectUser', 'bad', 'spam');
    assert.deepEqual([done.userId, done.reason], ['bad', 'spam']);
    for (const page of [bad, good]) assert.equal((await next(page, 'userDisconnect')).reason, 'spam');
    assert.equal(await next(bad, 'disconnect'), 'serverDisconnect');
    let bans = [];
    for await (const _ of setInterval(50, null, { signal: AbortSignal.timeout(20_000) })) { // It is stored after the event was sent.
      ({ bans } = await ours('ListBans', { roomIdentifier: room }));
      if (bans.length > 0) break;
    }
    assert.deepEqual(bans.map((b) => [b.userId, b.type, b.reason, b.createdBy]), [['bad', 'BAN', 'spam', `${room}/moderator`]]);
    await staysOut(bad);
    await say(good, 'thank you');
    for (const page of [moderator, good]) assert.deepEqual(await messages(page, 'thank you'), ['thank you']);
  });
});
