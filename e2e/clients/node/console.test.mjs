// The console of a server that has credentials of its own: signing in, rooms, logging
// configurations, a live room, tokens, the server itself. The pages are walked in the
// order of a first evening.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { heading as title, launch, open, signIn, violations } from './console.mjs';
import { api, join, newRoom } from './support.mjs';
import { GetRoomCommand, ListLoggingConfigurationsCommand, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test('an administrator', async (t) => {
  const { page, check, expect } = await open(browser, `${url}#/rooms`);
  const go = (hash) => page.evaluate((h) => { location.hash = h; }, hash);
  const heading = (name) => title(page, name);
  const accessible = async (what) => assert.deepEqual(await violations(page), [], what);

  await t.test('is told that a secret is wrong', async () => {
    expect(/status of 40[0-9]/);
    await accessible('sign-in');
    await signIn(page, undefined, 'wrong-secret-access-key-of-forty-characters');
    await page.getByText('The access key is not accepted', { exact: true }).waitFor();
  });

  await t.test('signs in', async () => {
    await signIn(page);
    await heading('Rooms');
    await page.getByText('There is no room', { exact: true }).waitFor();
    assert.equal(await page.evaluate(() => Object.keys(sessionStorage).length), 0, 'what the page keeps without being asked');
  });

  let room;
  await t.test('creates a room with all settings', async () => {
    await go('#/rooms/new');
    await heading('Create a room');
    await accessible('the form of a room');
    await page.getByLabel('Name', { exact: true }).fill('lobby');
    await page.getByLabel('Maximum length of a message', { exact: true }).fill('120');
    await page.getByLabel('History', { exact: true }).fill('24h');
    await page.getByRole('button', { name: 'Add new tag', exact: true }).click();
    await page.getByPlaceholder('Enter key').fill('team');
    await page.getByPlaceholder('Enter value').fill('blue');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await heading('lobby');
    const { rooms } = await api.send(new ListRoomsCommand({ name: 'lobby' }));
    room = await api.send(new GetRoomCommand({ identifier: rooms[0].arn }));
    assert.equal(room.maximumMessageLength, 120);
    assert.deepEqual(room.tags, { 'confab:history': '24h', team: 'blue' });
  });

  await t.test('chats and moderates in it', async () => {
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    const ann = await join(room.arn, 'ann');
    await ann.room.sendMessage(new SendMessageRequest('Hello <i>moderator</i>'));
    await log.getByText('Hello <i>moderator</i>', { exact: true }).waitFor();
    await page.getByRole('list', { name: 'People', exact: true }).getByText('ann', { exact: true }).waitFor();
    await accessible('a room');

    await page.getByLabel('Message', { exact: true }).fill('Good evening');
    await page.keyboard.press('Enter');
    await ann.next('message', (m) => m.content === 'Good evening' && m.sender.userId === 'moderator');

    // Through the server, which needs no connection, and keeps what it refuses in the input line.
    const input = page.getByLabel('Message', { exact: true });
    await page.getByRole('button', { name: /^Send as/ }).click();
    await page.getByRole('option', { name: 'Server', exact: true }).click();
    await input.fill('W'.repeat(121));
    await page.keyboard.press('Enter');
    await page.locator('.composer-error').getByText('120').waitFor();
    assert.equal(await input.inputValue(), 'W'.repeat(121));
    await input.fill('The doors are open');
    await page.keyboard.press('Enter');
    await ann.next('message', (m) => m.content === 'The doors are open' && m.sender.userId === 'server');
    await log.getByText('The doors are open', { exact: true }).waitFor();
    await page.getByRole('button', { name: /^Send as/ }).click();
    await page.getByRole('option', { name: 'moderator', exact: true }).click();

    await log.getByText('Hello <i>moderator</i>', { exact: true }).click();
    await log.focus();
    await page.keyboard.press('Delete');
    await page.getByLabel('Reason', { exact: true }).fill('markup');
    await page.keyboard.press('Enter');
    await ann.next('messageDelete', (d) => d.reason === 'markup');
    await log.getByText('Deleted: markup', { exact: true }).waitFor();

    await page.getByRole('tab', { name: 'Event', exact: true }).click();
    await page.getByRole('button', { name: 'Send the event', exact: true }).click();
    await ann.next('event', (e) => e.eventName === 'app:notice');
    await log.getByText('app:notice').waitFor();

    await page.getByRole('tab', { name: 'History', exact: true }).click();
    const history = page.getByRole('list', { name: 'History', exact: true });
    await history.getByText('Good evening', { exact: true }).waitFor();
    await page.getByLabel('Text', { exact: true }).fill('EVÉN');
    await page.keyboard.press('Enter');
    await history.locator('mark').getByText('even', { exact: true }).waitFor();
    await page.getByLabel('Text', { exact: true }).fill('morning');
    await page.keyboard.press('Enter');
    await page.getByText('No messages', { exact: true }).waitFor();
    await accessible('a search in the history');
    await page.getByLabel('Text', { exact: true }).fill('');

    // Jumps to a time: the fields take whole seconds of this machine's clock.
    const pause = new Date(Math.ceil(Date.now() / 1000) * 1000);
    while (Date.now() < pause.getTime() + 1000) await new Promise((r) => setTimeout(r, 50));
    await ann.room.sendMessage(new SendMessageRequest('after the break'));
    await page.keyboard.press('Enter');
    await history.getByText('after the break', { exact: true }).waitFor();
    const two = (n) => String(n).padStart(2, '0');
    await page.getByPlaceholder('YYYY/MM/DD', { exact: true }).fill(`${pause.getFullYear()}/${two(pause.getMonth() + 1)}/${two(pause.getDate())}`);
    await page.getByPlaceholder('hh:mm:ss', { exact: true }).fill([pause.getHours(), pause.getMinutes(), pause.getSeconds()].map(two).join(':'));
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await history.getByText('after the break', { exact: true }).waitFor({ state: 'detached' });
    await history.getByText('Good evening', { exact: true }).waitFor();
    await page.getByPlaceholder('YYYY/MM/DD', { exact: true }).fill('2000/01/01');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByText('No messages', { exact: true }).waitFor();
    await page.getByPlaceholder('YYYY/MM/DD', { exact: true }).fill('');

    await ann.room.sendMessage(new SendMessageRequest('something rude'));
    const eve = await join(room.arn, 'eve', { capabilities: ['SEND_MESSAGE'] });
    await page.getByRole('tab', { name: 'People', exact: true }).click();
    await page.getByRole('button', { name: 'More about eve', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Hide from all others', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Hide', exact: true }).click();
    await page.getByText('eve is hidden from all others', { exact: true }).waitFor();
    await eve.room.sendMessage(new SendMessageRequest('only I see it'));
    eve.room.disconnect();
    await page.getByRole('list', { name: 'People', exact: true }).getByRole('button', { name: 'More about ann', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Delete all messages', exact: true }).click();
    await page.getByLabel('Reason', { exact: true }).fill('rude');
    await page.keyboard.press('Enter');
    await ann.next('messageDelete', (d) => d.reason === 'rude');
    await page.getByText('2 messages of ann are deleted', { exact: true }).waitFor();
    assert.equal(await log.getByText('only I see it').count(), 0);
    await page.getByRole('tab', { name: 'History', exact: true }).click();
    await page.getByLabel('With hidden messages', { exact: true }).click({ force: true });
    await page.getByLabel('Text', { exact: true }).fill('only');
    await page.keyboard.press('Enter');
    await history.getByText('hidden: only eve saw it', { exact: true }).waitFor();
    await page.getByRole('tab', { name: 'People', exact: true }).click();
    await page.getByRole('list', { name: 'People', exact: true }).getByRole('button', { name: 'Disconnect ann', exact: true }).click();
    await page.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await ann.next('disconnect');
    await log.getByText('ann was disconnected').waitFor();
  });

  await t.test('finds in it what was said before', async () => {
    await go('#/rooms');
    await heading('Rooms');
    await go(`#/rooms/${room.arn.split('/').pop()}`);
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    await log.getByText('Good evening', { exact: true }).waitFor();
    assert.equal(await log.getByText('something rude').count(), 0);
  });

  await t.test('reads while a thousand messages come', async () => {
    const busy = await newRoom({ name: 'busy', maximumMessageRatePerSecond: 100 });
    await go(`#/rooms/${busy.split('/').pop()}`);
    await page.getByText('Connected', { exact: true }).waitFor();
    const senders = await Promise.all(Array.from({ length: 10 }, (_, i) => join(busy, `user-${i}`)));
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    let sent = 0;
    const send = async (sender, n) => {
      for (let i = 0; i < n; i++) {
        await sender.room.sendMessage(new SendMessageRequest(`message ${sent++}`)).catch(() => undefined);
        await new Promise((r) => setTimeout(r, 110)); // The rate of a connection is 10 a second.
      }
    };
    await Promise.all(senders.map((s) => send(s, 10)));
    await log.getByText(/^message \d+$/).last().waitFor();
    await log.hover();
    await page.mouse.wheel(0, -1500);
    await page.getByRole('button', { name: 'Latest messages', exact: true }).waitFor();
    const top = await log.evaluate((e) => e.scrollTop);
    await Promise.all(senders.map((s) => send(s, 90)));
    await page.getByRole('button', { name: /^[\d,]+ new messages$/ }).waitFor();
    assert.equal(await log.evaluate((e) => e.scrollTop), top, 'the place where the moderator reads');
    assert.ok(await log.locator('.message').count() < 120, 'messages that cannot be seen are in the page');
    await page.getByRole('button', { name: /^[\d,]+ new messages$/ }).click();
    await page.getByRole('button', { name: /new messages$|^Latest messages$/ }).waitFor({ state: 'detached' });

    // It stands still under the mouse, and while a message is selected. Then it follows again.
    const fresh = page.getByRole('button', { name: /^[\d,]+ new messages?$/ });
    const { x, y } = await log.boundingBox();
    const flood = Promise.all(senders.map((s) => send(s, 20)));
    for (let i = 0; !(await fresh.isVisible()); i++) await page.mouse.move(x + 20 + (i % 9), y + 60);
    await flood;
    await page.mouse.move(0, 0);
    await fresh.waitFor({ state: 'detached' });
    await log.getByText(/^message \d+$/).last().click();
    await Promise.all(senders.map((s) => send(s, 5)));
    await fresh.waitFor();
    await log.getByRole('button', { name: /^Mute user-\d$/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Mute', exact: true }).click();
    await fresh.waitFor({ state: 'detached' });
    assert.equal(await log.locator('.selected').count(), 0);
    for (const s of senders) s.room.disconnect();
  });

  await t.test('finds a room by its tags and deletes it by its name', async () => {
    await go('#/rooms');
    await heading('Rooms');
    const link = (name) => page.getByRole('link', { name, exact: true });
    await link('busy').waitFor();
    await accessible('the list of rooms');

    // People come and go in the table, which sorts by their number.
    const header = page.getByRole('columnheader', { name: /^People/ });
    const first = page.getByRole('row').nth(1);
    const [busy] = (await api.send(new ListRoomsCommand({ name: 'busy' }))).rooms;
    const guest = await join(busy.arn, 'guest');
    await page.getByRole('row', { name: /busy/ }).getByRole('gridcell', { name: '1', exact: true }).waitFor();
    await header.getByText('People', { exact: true }).click({ force: true }); // A copy that does not scroll lies over it.
    await first.getByRole('link', { name: 'lobby', exact: true }).waitFor();
    await header.getByText('People', { exact: true }).click({ force: true }); // A copy that does not scroll lies over it.
    await first.getByRole('link', { name: 'busy', exact: true }).waitFor();
    guest.room.disconnect();
    await page.getByRole('row', { name: /busy/ }).getByRole('gridcell', { name: '1', exact: true }).waitFor({ state: 'detached' });

    // A property with its operator, and any text.
    await page.getByLabel('Find a room', { exact: true }).fill('Name != busy');
    await page.keyboard.press('Enter');
    await link('busy').waitFor({ state: 'detached' });
    await link('lobby').waitFor();
    await page.getByRole('button', { name: 'Clear filters', exact: true }).first().click();
    await link('busy').waitFor();
    await page.getByLabel('Find a room', { exact: true }).fill('team=blue');
    await page.keyboard.press('Enter');
    await link('busy').waitFor({ state: 'detached' });
    await page.getByRole('radio', { name: 'Select lobby', exact: true }).check({ force: true });
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByLabel('To confirm, type lobby', { exact: true }).fill('lobby');
    await page.keyboard.press('Enter');
    await page.getByText('The room lobby was deleted', { exact: true }).waitFor();
    assert.equal((await api.send(new ListRoomsCommand({ name: 'lobby' }))).rooms.length, 0);
  });

  await t.test('creates a logging configuration', async () => {
    await go('#/logging/new');
    await heading('Create a logging configuration');
    await page.getByLabel('Name', { exact: true }).fill('archive');
    await page.getByLabel('Bucket', { exact: true }).fill('chat-archive');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText('Amazon S3: chat-archive', { exact: true }).waitFor();
    const { loggingConfigurations } = await api.send(new ListLoggingConfigurationsCommand({}));
    assert.equal(loggingConfigurations[0].destinationConfiguration.s3.bucketName, 'chat-archive');
  });

  await t.test('creates a token, and sees the server and its metrics', async () => {
    await go('#/tokens');
    await page.getByRole('button', { name: 'Create a token', exact: true }).click();
    await page.getByLabel('the token', { exact: true }).waitFor();
    await accessible('tokens');
    await go('#/server');
    await page.getByText('All nodes are ready', { exact: true }).waitFor();
    await page.getByRole('table', { name: 'Nodes', exact: true }).getByRole('row', { name: /This server.*Ready/ }).waitFor();
    await page.getByText('Maximum message length', { exact: true }).waitFor();
    await page.getByText('confab:SendMessage', { exact: true }).waitFor(); // What the access key is allowed.
    await accessible('nodes and health');
    await go('#/metrics');
    for (const name of ['Connections', 'Live rooms', 'Requests of clients', 'Deliveries', 'Time to publish', 'Refusals', 'Handshakes', 'Time of message review', 'Calls of the API', 'Delay of chat logging']) {
      await page.getByRole('heading', { name, exact: true }).waitFor();
    }
    await page.getByText('p99', { exact: true }).first().waitFor(); // A line that the server has data for.
    await page.getByRole('button', { name: '6 hours', exact: true }).click();
    await page.getByText('p99', { exact: true }).first().waitFor();
    await accessible('metrics');
    await go('#/rooms/nosuchroom00');
    await page.getByText('Not found', { exact: true }).waitFor();
  });
  check();
});

test('a reader is offered what the policy allows', async () => {
  const { page, check, expect } = await open(browser, `${url}#/rooms`, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  expect(/status of 40[0-9]/);
  await signIn(page, process.env.KEY_ID, process.env.KEY_SECRET);
  await page.getByRole('link', { name: 'busy', exact: true }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Create a room', exact: true }).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Delete', exact: true }).count(), 0);
  await page.getByRole('link', { name: 'busy', exact: true }).click();
  await page.getByText('No live chat', { exact: true }).waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than the screen');
  // A page that was opened by its address says what it needs.
  await page.evaluate(() => { location.hash = '#/rooms/new'; });
  await title(page, 'Create a room');
  await page.getByText(/^This page needs the action ivschat:CreateRoom/).waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).count(), 0);
  // No page offers a change, and none fails: what needs another action is not in the menu.
  const menu = await page.locator('a[href^="#/"]').evaluateAll((links) => [...new Set(links.map((a) => a.getAttribute('href')))].filter((href) => !href.includes('/rooms/')));
  assert.ok(menu.includes('#/webhooks') && !menu.includes('#/tokens') && !menu.includes('#/erase-user'), menu.join(' '));
  for (const href of menu) {
    await page.evaluate((h) => { location.hash = h; }, href);
    await page.locator('h1').first().waitFor();
    await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' });
    assert.equal(await page.getByRole('button', { name: /^(Create|Delete|Edit|Change$|Lift|Test$|Pause|Rotate|Send a test)\b/ }).count(), 0, `${href} offers a change`);
    assert.equal(await page.getByText('Not allowed', { exact: true }).count(), 0, `${href} asks for what is not allowed`);
    assert.deepEqual(await violations(page), [], href);
  }
  check();
});
