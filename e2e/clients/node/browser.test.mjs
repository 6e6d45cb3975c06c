// The official chat client and the AWS SDK in headless Chromium.
import assert from 'node:assert/strict';
import { connect as connectNetwork, createServer as createNetwork } from 'node:net';
import { Transform } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { DeleteRoomCommand, SendEventCommand } from '@aws-sdk/client-ivschat';
import { join, next, open, request, start, state, stop } from './pages.mjs';
import { api, newRoom, tokenFor, url } from './support.mjs';

before(start);
after(stop);

// connectionsTo is a server that passes connections on. sockets are those of its clients.
const connectionsTo = (target, sockets) => createNetwork((client) => {
  const server = connectNetwork(target.port, target.hostname);
  sockets.add(client);
  client.on('close', () => { sockets.delete(client); server.destroy(); }).on('error', () => {});
  server.on('close', () => client.destroy()).on('error', () => {});
  client.pipe(server).pipe(client);
});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Network is a network between a page and the server.
class Network {
  links = new Set();

  rate = Infinity; // how many bytes a second the page gets

  opened = Promise.resolve(); // new connections wait for it

  async start(target) {
    this.listener = createNetwork(async (page) => {
      page.on('error', () => {});
      await this.opened;
      const server = connectNetwork(target.port, target.hostname);
      const link = { page, server };
      this.links.add(link);
      const slow = new Transform({
        transform: async (chunk, _, done) => {
          const begin = Date.now();
          for (let sent = 0; sent < chunk.length;) {
            const upTo = this.rate === Infinity ? chunk.length : Math.min(chunk.length, Math.floor(this.rate * (Date.now() - begin) / 1000));
            slow.push(chunk.subarray(sent, upTo));
            sent = upTo;
            if (sent < chunk.length) await pause(20);
          }
          done();
        },
      });
      server.on('error', () => {});
      page.pipe(server);
      server.pipe(slow).pipe(page);
    });
    await new Promise((resolve) => this.listener.listen(0, '127.0.0.1', resolve));
    this.url = `ws://127.0.0.1:${this.listener.address().port}`;
    return this;
  }

  // leave ends the connections of the page. Those of the server stay open and silent, as when a
  // device changes networks.
  leave() {
    for (const { page, server } of this.links) {
      page.unpipe(server);
      page.resetAndDestroy();
      server.unpipe();
    }
  }

  // silence has nothing come to the page any more.
  silence() {
    for (const { server } of this.links) server.unpipe();
  }

  stop() {
    this.listener.close();
    for (const { page, server } of this.links) {
      page.destroy();
      server.destroy();
    }
  }
}

describe('Chromium', () => {
  test('two pages chat', async () => {
    const room = await newRoom();
    const [ann, bob] = await Promise.all([join(room, 'ann', { attributes: { colour: 'blue' } }), join(room, 'bob')]);
    const sent = await request(ann, 'sendMessage', 'hello <b> 😀', { kind: 'greeting' });
    const got = await next(bob, 'message');
    assert.equal(got.content, 'hello <b> 😀');
    assert.equal(got.id, sent.id);
    assert.deepEqual(got.attributes, { kind: 'greeting' });
    assert.deepEqual(got.sender, { userId: 'ann', attributes: { colour: 'blue' } });
    assert.equal((await next(ann, 'message')).id, sent.id);
    await request(bob, 'sendMessage', 'hi ann');
    await next(bob, 'message');
    assert.equal((await next(ann, 'message')).content, 'hi ann');
  });

  test('a page gets events and deletions', async () => {
    const room = await newRoom();
    const [ann, bob] = await Promise.all([join(room, 'ann'), join(room, 'bob')]);
    await api.send(new SendEventCommand({ roomIdentifier: room, eventName: 'app:live', attributes: { on: 'yes' } }));
    for (const page of [ann, bob]) {
      const event = await next(page, 'event');
      assert.equal(event.eventName, 'app:live');
      assert.deepEqual(event.attributes, { on: 'yes' });
    }
    const { id } = await request(ann, 'sendMessage', 'bad');
    const deleted = await request(bob, 'deleteMessage', id, 'spam');
    assert.equal(deleted.messageId, id);
    assert.equal((await next(ann, 'messageDelete')).messageId, id);
  });

  test('a kicked page sees why and stays away', async () => {
    const room = await newRoom();
    const [bad, moderator] = await Promise.all([join(room, 'bad'), join(room, 'moderator')]);
    await request(moderator, 'disconnectUser', 'bad', 'spam');
    assert.equal((await next(bad, 'userDisconnect')).reason, 'spam');
    assert.equal(await next(bad, 'disconnect'), 'serverDisconnect');
    assert.deepEqual(await state(bad), { state: 'disconnected', tokens: 1 });
    assert.equal((await state(moderator)).state, 'connected');
  });

  test('refusals carry their codes', async () => {
    const room = await newRoom({ maximumMessageLength: 5, maximumMessageRatePerSecond: 100 });
    const [page, viewer] = await Promise.all([join(room, 'a'), join(room, 'viewer', { capabilities: [] })]);
    assert.deepEqual(await request(page, 'sendMessage', '123456'), { refused: 400, text: 'Message exceeds maximum length' });
    assert.equal((await request(viewer, 'sendMessage', 'x')).refused, 403);
    assert.equal((await request(page, 'sendMessage', 'x', { k: 'v'.repeat(1024) })).refused, 413);
    const many = await Promise.all(Array.from({ length: 20 }, () => request(page, 'sendMessage', 'x')));
    assert.deepEqual(many.find((r) => r.refused), { refused: 429, text: 'rate limit exceeded' });
    await api.send(new DeleteRoomCommand({ identifier: room }));
    const other = await newRoom();
    const late = await join(other, 'b');
    await api.send(new DeleteRoomCommand({ identifier: other }));
    assert.equal((await request(late, 'sendMessage', 'x')).refused, 404);
  });

  test('a refused token is tried four times', async () => {
    const page = await open(() => ({ token: 'made-up' }));
    await page.evaluate((u) => globalThis.connect(u), url);
    assert.equal(await next(page, 'disconnect'), 'socketError');
    assert.equal((await state(page)).tokens, 4);
  });

  test('a room with history gives it to tabs and reloads while others chat, and refreshes repeat nothing', { timeout: 90_000 }, async () => {
    const room = await newRoom({ maximumMessageRatePerSecond: 100, tags: { 'confab:history': '1h', 'confab:history-on-join': '200' } });
    const talker = await join(room, 'talker');
    let sent = 0;
    // say sends n messages, each a number. A connection may send ten a second.
    const say = async (n) => {
      for (const until = sent + n; sent < until; sent += 1) {
        const answer = await request(talker, 'sendMessage', String(sent));
        assert.equal(answer.refused, undefined, JSON.stringify(answer));
        await new Promise((resolve) => setTimeout(resolve, 110));
      }
    };
    // all waits until the page has the last message, and wants each once and in order.
    const all = async (page) => {
      await page.waitForFunction((c) => globalThis.seen.some((e) => e[0] === 'message' && e[1].content === c), String(sent - 1), { timeout: 20_000, polling: 100 });
      const got = await page.evaluate(() => globalThis.seen.filter((e) => e[0] === 'message').map((e) => e[1].content));
      assert.deepEqual(got, Array.from({ length: sent }, (_, i) => String(i)));
    };
    await say(3);
    const talking = say(10);
    // Two tabs of one user join while messages come, and one of them is loaded again.
    const viewer = await join(room, 'viewer');
    const tab = await viewer.context().newPage();
    await tab.exposeFunction('token', () => tokenFor(room, 'viewer'));
    await tab.goto(viewer.url());
    await tab.evaluate((u) => globalThis.connect(u), url);
    await next(tab, 'connect');
    await tab.reload();
    await tab.evaluate((u) => globalThis.connect(u), url);
    // The first token of this page is said to end soon, so it is refreshed at once.
    let tokens = 0;
    const refreshing = await open(async () => {
      tokens += 1;
      if (tokens > 1) return tokenFor(room, 'refreshing');
      const { token } = await tokenFor(room, 'refreshing', { sessionDurationInMinutes: 1 });
      return { token, tokenExpirationTime: new Date(Date.now() + 30_700) };
    });
    await refreshing.evaluate((u) => globalThis.connect(u), url);
    await next(refreshing, 'connect');
    await talking;
    for (const until = Date.now() + 20_000; tokens < 2 && Date.now() < until;) await say(2);
    assert.ok(tokens >= 2, 'the client did not refresh its token');
    await say(3);
    for (const page of [viewer, tab, refreshing]) await all(page);
  });

  test('two tabs that lose their network miss nothing and repeat nothing', { timeout: 90_000 }, async () => {
    const room = await newRoom({ maximumMessageRatePerSecond: 100, tags: { 'confab:catch-up': '1m' } });
    const talker = await join(room, 'talker');
    const sockets = new Set();
    const network = connectionsTo(new URL(url), sockets);
    await new Promise((resolve) => network.listen(0, '127.0.0.1', resolve));
    try {
      const first = await open(() => tokenFor(room, 'viewer'));
      const tab = await first.context().newPage();
      await tab.exposeFunction('token', () => tokenFor(room, 'viewer'));
      await tab.goto(first.url());
      for (const page of [first, tab]) {
        await page.evaluate((u) => globalThis.connect(u), `ws://127.0.0.1:${network.address().port}`);
        await next(page, 'connect');
      }
      const wanted = [];
      for (let i = 0; i < 30; i += 1) {
        if (i % 10 === 5) for (const socket of sockets) socket.resetAndDestroy();
        const answer = await request(talker, 'sendMessage', String(i));
        assert.equal(answer.refused, undefined, JSON.stringify(answer));
        wanted.push(String(i));
        await new Promise((resolve) => setTimeout(resolve, 110));
      }
      for (const page of [first, tab]) {
        await page.waitForFunction(() => globalThis.seen.some((e) => e[0] === 'message' && e[1].content === '29'), null, { timeout: 20_000, polling: 100 });
        assert.deepEqual(await page.evaluate(() => globalThis.seen.filter((e) => e[0] === 'message').map((e) => e[1].content)), wanted);
        assert.ok((await state(page)).tokens >= 4, 'the connections were not cut');
      }
    } finally {
      network.close();
      for (const socket of sockets) socket.destroy();
    }
  });

  test('a page that changes its network, or has a slow one, misses nothing, and a pending send settles', { timeout: 120_000 }, async () => {
    const room = await newRoom({ maximumMessageRatePerSecond: 100, tags: { 'confab:catch-up': '1m' } });
    const talker = await join(room, 'talker');
    const network = await new Network().start(new URL(url));
    try {
      const page = await open(() => tokenFor(room, 'viewer'));
      await page.evaluate((u) => globalThis.connect(u), network.url);
      await next(page, 'connect');
      let said = 0;
      const say = async () => {
        const answer = await request(talker, 'sendMessage', String(said));
        assert.equal(answer.refused, undefined, JSON.stringify(answer));
        said += 1;
        await pause(110);
      };
      // has waits until the page has a message or event, once.
      const has = (what) => page.waitForFunction((w) => globalThis.seen.filter((e) => e[1]?.content === w || e[1]?.eventName === w).length === 1, what, { timeout: 60_000, polling: 100 });
      await say();
      await has('0');
      for (let i = 0; i < 2; i += 1) {
        network.leave(); // Nobody closes the server's end.
        for (let k = 0; k < 4; k += 1) await say();
      }
      await has(String(said - 1));
      const pendingAt = said;
      // The answer to a send does not come, because the network is gone.
      network.silence();
      const sending = request(page, 'sendMessage', 'pending');
      const got = await talker.waitForFunction(() => globalThis.seen.find((e) => e[1]?.content === 'pending')?.[1].id, null, { timeout: 20_000, polling: 100 });
      network.leave();
      assert.equal((await sending).id, await got.jsonValue());
      await say();
      await has(String(said - 1));
      // 1.2 MB of events were missed. They come over a network of 60 KB a second, while others talk.
      let resume;
      network.opened = new Promise((resolve) => { resume = resolve; });
      network.rate = 60_000;
      network.leave();
      const attributes = { large: '\u0001'.repeat(1000) }; // six bytes each
      for (let i = 0; i < 200; i += 1) await api.send(new SendEventCommand({ roomIdentifier: room, eventName: `e${i}`, attributes }));
      resume();
      for (let i = 0; i < 10; i += 1) {
        await pause(1000);
        await say();
      }
      await has(String(said - 1));
      assert.equal((await state(page)).tokens, 5, 'the slow connection was ended'); // The others were left.
      const seen = await page.evaluate(() => globalThis.seen);
      const names = seen.filter((e) => e[0] === 'event').map((e) => e[1].eventName);
      assert.deepEqual(names, Array.from({ length: 200 }, (_, i) => `e${i}`));
      const messages = seen.filter((e) => e[0] === 'message').map((e) => e[1].content);
      const wanted = Array.from({ length: said }, (_, i) => String(i));
      assert.deepEqual(messages, [...wanted.slice(0, pendingAt), 'pending', ...wanted.slice(pendingAt)]);
    } finally {
      network.stop();
    }
  });

  test('signed calls of the AWS SDK work from a page of another origin', async () => {
    const page = await open();
    const config = {
      region: process.env.AWS_REGION, endpoint: process.env.AWS_ENDPOINT_URL_IVSCHAT,
      credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY },
    };
    const call = (operation, members) => page.evaluate((a) => globalThis.api(...a), [config, operation, members]);
    const room = await call('CreateRoom', { name: 'from-a-page', tags: { team: 'chat' } });
    assert.ok(room.arn, JSON.stringify(room));
    assert.ok(room.requestId, 'the page cannot read the request id');
    assert.equal((await call('GetRoom', { identifier: room.arn })).name, 'from-a-page');
    assert.ok((await call('CreateChatToken', { roomIdentifier: room.arn, userId: 'u' })).token);
    assert.equal((await call('TagResource', { resourceArn: room.arn, tags: { 'a b': 'c/d' } })).error, undefined);
    assert.equal((await call('UntagResource', { resourceArn: room.arn, tagKeys: ['team'] })).error, undefined);
    assert.deepEqual((await call('ListTagsForResource', { resourceArn: room.arn })).tags, { 'a b': 'c/d' });
    const refused = await call('CreateRoom', { maximumMessageLength: 501 });
    assert.equal(refused.error, 'ValidationException');
    assert.equal(refused.reason, 'FIELD_VALIDATION_FAILED');
    assert.ok(refused.requestId);
    config.credentials.secretAccessKey = 'wrong';
    assert.equal((await call('ListRooms', {})).error, 'InvalidSignatureException');
    config.credentials.secretAccessKey = process.env.AWS_SECRET_ACCESS_KEY;
    assert.equal((await call('DeleteRoom', { identifier: room.arn })).error, undefined);
  });
});
