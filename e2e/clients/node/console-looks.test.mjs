// How the console looks where it is not as usual: narrow and wide screens, writing from right to
// left, long words; while it loads, when it fails, when it is offline, when the server is of
// another version; and without a mouse.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CreateLoggingConfigurationCommand, GetRoomCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { heading, launch, open, signIn, violations } from './console.mjs';
import { api, join, newRoom, ours } from './support.mjs';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

// roomOf is the ARN of the room that a page shows.
const roomOf = (page) => page.evaluate(() => {
  const { region, account } = JSON.parse(document.querySelector('meta[name=confab]').content);
  return `arn:aws:ivschat:${region}:${account}:room/${location.hash.split('/').pop()}`;
});

const go = (page, hash) => page.evaluate((h) => { location.hash = h; }, hash);

test('every page fits the screen, and axe finds nothing in light and dark', async () => {
  const room = await newRoom({ name: `room-${'w'.repeat(100)}`, tags: { 'a-very-long-key-of-a-tag': 'v'.repeat(200) } });
  const id = room.split('/').pop();
  const hook = (await ours('CreateWebhook', { name: 'h'.repeat(64), url: `https://example.com/${'p'.repeat(200)}`, events: ['message.sent'] })).id;
  await ours('PutContentFilter', { name: 'f'.repeat(64), terms: ['t'.repeat(100)], action: 'DENY' });
  const logs = (await api.send(new CreateLoggingConfigurationCommand({ name: 'l'.repeat(100), destinationConfiguration: { s3: { bucketName: 'b'.repeat(63) } } }))).id;
  const { page, check, expect } = await open(browser, `${url}#/rooms`, { viewport: { width: 360, height: 740 } });
  expect(/WebSocket is closed before the connection is established/); // A room's page is left at once.
  await signIn(page);
  await heading(page, 'Rooms');
  const pages = {
    rooms: 'Rooms', 'rooms/new': 'Create a room', [`rooms/${id}`]: /^room-w/, [`rooms/${id}/edit`]: /^Edit room-w/, logging: 'Logging configurations', 'logging/new': 'Create a logging configuration',
    bans: 'Bans', filters: 'Content filters', 'filters/new': 'Create a filter', 'filters/test': 'Test the content filters', 'moderation-log': 'Moderation log', 'erase-user': 'Erase a user', webhooks: 'Webhooks',
    [`logging/${logs}`]: /^Edit l/, [`filters/every/${'f'.repeat(64)}`]: /^fff/, 'webhooks/new': 'Create a webhook', [`webhooks/${hook}`]: /^Edit h/, credentials: 'Credentials', 'credentials/new': 'Create an access key', tokens: 'Chat tokens', server: 'Nodes and health', metrics: 'Metrics', 'quick-start': 'Quick start',
  };
  for (const [width, colorScheme] of [[360, 'dark'], [1000, 'light'], [2560]]) {
    await page.setViewportSize({ width, height: 740 });
    if (colorScheme) await page.emulateMedia({ colorScheme });
    for (const [path, title] of Object.entries(pages)) {
      await go(page, `#/${path}`);
      await heading(page, title);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is wider than a screen of ${width}`);
      if (colorScheme) assert.deepEqual(await violations(page), [], `${path}, ${colorScheme}`);
    }
  }
  await ours('DeleteWebhook', { id: hook }); // The next test looks at a list without one.
  check();
});

test('messages of all kinds stay what they are', async () => {
  const room = await newRoom({ name: 'babel' });
  const { page, check } = await open(browser, `${url}#/rooms/${room.split('/').pop()}`, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  await signIn(page);
  await page.getByText('Connected', { exact: true }).waitFor();
  const ann = await join(room, 'ann');
  const texts = { arabic: 'مرحبا بالجميع', word: 'W'.repeat(500), emoji: '👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301', override: 'abc \u202e fed', markup: '<script>alert(1)</script><img src=x onerror=alert(1)>' };
  for (const text of Object.values(texts)) await ann.room.sendMessage(new SendMessageRequest(text));
  const log = page.getByRole('log', { name: 'Messages', exact: true });
  const shown = (text) => log.locator('.text').filter({ hasText: text });
  await shown(texts.markup).waitFor();
  assert.equal(await shown(texts.arabic).evaluate((e) => getComputedStyle(e).direction), 'rtl');
  assert.equal(await shown(texts.override).evaluate((e) => e.textContent), texts.override);
  assert.equal(await shown('🏳️‍🌈').evaluate((e) => e.textContent), texts.emoji);
  assert.ok(await log.evaluate((e) => e.scrollWidth <= e.clientWidth), 'a long word is wider than the list');
  assert.equal(await log.locator('script, img').count(), 0);
  assert.deepEqual(await violations(page), []);
  ann.room.disconnect();
  check();
});

test('a page says that it loads, what failed, and that the server is gone', async () => {
  const { page, check, expect } = await open(browser, `${url}#/bans`);
  expect(/status of [45]0[0-9]|ERR_/);
  await signIn(page);
  await heading(page, 'Bans');
  const answer = (status, name) => page.route('**/ListWebhooks', (route) => route.fulfill({ status, headers: { 'x-amzn-errortype': name }, json: { message: `because of ${name}` } }));
  let release;
  await page.route('**/ListWebhooks', async (route) => {
    await new Promise((resolve) => (release = resolve));
    await route.continue();
  });
  await go(page, '#/webhooks');
  await page.getByText('Loading', { exact: true }).first().waitFor();
  assert.deepEqual(await violations(page), []);
  while (!release) await new Promise((resolve) => setTimeout(resolve, 20)); // Until the request has come.
  release();
  await page.getByText('There is no webhook', { exact: true }).waitFor();
  await page.unroute('**/ListWebhooks');

  for (const [status, name, title] of [[500, 'InternalServerException', 'The server failed'], [403, 'AccessDeniedException', 'Not allowed'], [404, 'UnknownOperationException', 'This server does not have this']]) {
    await go(page, '#/bans');
    await heading(page, 'Bans');
    await answer(status, name);
    await go(page, '#/webhooks');
    await page.getByText(title, { exact: true }).waitFor();
    assert.deepEqual(await violations(page), [], title);
    await page.unroute('**/ListWebhooks');
  }

  await go(page, '#/server');
  await page.getByText('All nodes are ready', { exact: true }).waitFor();
  await page.context().setOffline(true);
  await page.getByText('The server cannot be reached', { exact: true }).waitFor();
  await page.getByText('All nodes are ready', { exact: true }).waitFor(); // What was there is still shown.
  assert.deepEqual(await violations(page), []);
  await page.context().setOffline(false);
  await page.getByText('The server cannot be reached', { exact: true }).waitFor({ state: 'detached' });
  check();
});

test('an older server has fewer pages, a newer one asks to load the page again', async () => {
  const { page, check, expect } = await open(browser, `${url}#/rooms`);
  expect(/status of 404/);
  await page.route('**/service-2.json', async (route) => {
    const response = await route.fetch();
    const model = await response.json();
    for (const name of Object.keys(model.operations)) if (/Webhook|Modes|Trace/.test(name)) delete model.operations[name];
    await route.fulfill({ response, json: model });
  });
  await signIn(page);
  await heading(page, 'Rooms');
  await page.getByRole('link', { name: 'Content filters', exact: true }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Webhooks', exact: true }).count(), 0);
  await go(page, '#/webhooks');
  await heading(page, 'Webhooks');
  await page.getByText('This server does not have this', { exact: true }).waitFor();

  await page.route('**/GetServer', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), version: '99.0.0' } });
  });
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByText('The server has version 99.0.0 now').waitFor();
  await page.route('**/assets/**', (route) => route.fulfill({ status: 404, body: '' }));
  await go(page, '#/metrics');
  await page.getByText('This part of the page cannot be loaded', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Load the page again', exact: true }).waitFor();
  assert.deepEqual(await violations(page), []);
  check();
});

test('a browser that keeps nothing has all but what it would keep', async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('The operation is insecure.', 'SecurityError'); } });
  });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  const room = await newRoom({ name: 'nothing-kept' });
  await page.goto(`${url}#/rooms/${room.split('/').pop()}`);
  await page.getByRole('checkbox').click({ force: true });
  await signIn(page);
  await page.getByText('Connected', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Dark colors', exact: true }).first().click();
  await page.getByRole('button', { name: 'Light colors', exact: true }).first().waitFor();
  assert.deepEqual(complaints, []);
  await context.close();
});

test('a moderator without a mouse signs in, makes a room, chats, and deletes a message', async () => {
  const { page, check } = await open(browser, `${url}#/rooms`);
  // to presses Tab until what has the focus has the name.
  const to = async (name, key = 'Tab') => {
    for (let i = 0; i < 80; i++) {
      const has = await page.evaluate(() => {
        const e = document.activeElement;
        return e?.getAttribute('aria-label') || e?.labels?.[0]?.textContent || e?.textContent || document.getElementById(e?.getAttribute('aria-labelledby'))?.textContent;
      });
      if (has?.trim() === name) return;
      await page.keyboard.press(key);
    }
    assert.fail(`the keyboard does not lead to ${name}`);
  };
  const press = async (name) => {
    await to(name);
    await page.keyboard.press('Enter');
  };
  await page.getByLabel('Access key ID', { exact: true }).waitFor();
  await to('Access key ID');
  await page.keyboard.type(process.env.AWS_ACCESS_KEY_ID);
  await page.keyboard.press('Tab');
  await page.keyboard.type(process.env.AWS_SECRET_ACCESS_KEY);
  await page.keyboard.press('Enter');
  await heading(page, 'Rooms');
  await press('Create a room');
  await heading(page, 'Create a room');
  await to('Name');
  await page.keyboard.type('keys');
  await page.keyboard.press('Enter');
  await heading(page, 'keys');
  await page.getByText('Connected', { exact: true }).waitFor();
  await to('Message');
  await page.keyboard.type('Good evening');
  await page.keyboard.press('Enter');
  const log = page.getByRole('log', { name: 'Messages', exact: true });
  await log.getByText('Good evening', { exact: true }).waitFor();
  await to('Messages', 'Shift+Tab');
  await page.keyboard.press('End');
  await page.keyboard.press('Delete');
  await page.getByRole('dialog').waitFor();
  await to('Reason');
  await page.keyboard.type('a slip');
  await page.keyboard.press('Enter');
  await log.getByText('Deleted: a slip', { exact: true }).waitFor();
  const eve = await join(await roomOf(page), 'eve', { capabilities: ['SEND_MESSAGE'] });
  await eve.room.sendMessage(new SendMessageRequest('Look at me'));
  await log.getByText('Look at me', { exact: true }).waitFor();
  await to('Messages', 'Shift+Tab');
  await page.keyboard.press('End');
  while (!(await log.locator('.selected').innerText()).includes('Look at me')) await page.keyboard.press('ArrowUp');
  await press('Ban eve');
  await page.getByRole('dialog').waitFor();
  await to('Reason');
  await page.keyboard.type('spam');
  await page.keyboard.press('Enter');
  await eve.next('disconnect');
  await to('People');
  await page.keyboard.press('ArrowRight');
  await page.getByText(/^Seen since|No data for this time/).first().waitFor();
  await page.keyboard.press('ArrowRight');
  await page.getByText('This room keeps no history', { exact: true }).waitFor();
  await page.keyboard.press('ArrowRight');
  await to('Slow mode');
  await page.keyboard.press('Space');
  await page.getByText(/^Set by .*, until it is switched back/).waitFor();
  assert.equal((await api.send(new GetRoomCommand({ identifier: await roomOf(page) }))).name, 'keys');
  check();
});
