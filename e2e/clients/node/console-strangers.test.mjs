// What strangers write is shown as text and stays in its place: markup, words without an end,
// and characters that turn the direction of writing, in every field that they control.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { CreateRoomCommand, SendEventCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { heading, launch, open, signIn } from './console.mjs';
import { api, join, ours } from './support.mjs';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
const markup = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
// It ends an isolation that it did not begin, and then turns the direction.
const turned = 'ann\u2069\u202egnitirw';
const users = [markup, turned, 'W'.repeat(128), 'مرحبا بالجميع'];
const id = (arn) => arn.split('/').pop();

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const go = (page, hash) => page.evaluate((h) => { location.hash = h; }, hash);

// holds checks that nothing on the page was executed and that the page fits the screen.
async function holds(page, what) {
  assert.equal(await page.evaluate(() => window.hacked), undefined, `${what}: a script of a stranger ran`);
  assert.equal(await page.locator('#root img[src="x"]').count(), 0, `${what}: markup of a stranger is in the page`);
  const { wide, screen } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, screen: innerWidth }));
  assert.ok(wide <= screen, `${what}: ${wide} pixels on a screen of ${screen}`);
}

// reads reports whether a word of ours is written from left to right.
const reads = (element, word) => element.evaluate((e, text) => {
  const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
  for (let n; (n = texts.nextNode());) {
    const at = n.data.lastIndexOf(text);
    if (at < 0) continue;
    const left = (i) => {
      const range = document.createRange();
      range.setStart(n, i);
      range.setEnd(n, i + 1);
      return range.getBoundingClientRect().left;
    };
    return left(at) < left(at + text.length - 1);
  }
  throw new Error(`there is no ${text}`);
}, word);

test('what strangers write stays text, in its place', async (t) => {
  const endpoint = createServer((request, response) => response.writeHead(500, { 'content-type': 'text/html' }).end(markup + 'E'.repeat(10_000)));
  await new Promise((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  t.after(() => (endpoint.close(), endpoint.closeAllConnections()));
  const { arn: room } = await api.send(new CreateRoomCommand({ name: 'n'.repeat(128), maximumMessageRatePerSecond: 100, tags: { 'confab:history': '1h', 'confab:presence': 'full', ['k'.repeat(128)]: 'v'.repeat(256) } }));
  const joined = [];
  t.after(() => joined.forEach((c) => c.room.disconnect()));
  for (const user of users) {
    const client = await join(room, user, { capabilities: ['SEND_MESSAGE'], attributes: { name: `${markup}${turned}` } });
    joined.push(client);
    await client.room.sendMessage(new SendMessageRequest(`${turned} ${markup}`, { kind: markup }));
    await client.room.sendMessage(new SendMessageRequest('w'.repeat(500)));
  }
  await api.send(new SendEventCommand({ roomIdentifier: room, eventName: `${markup}`.slice(0, 128), attributes: { text: 'e'.repeat(1000) } }));
  for (const [i, user] of users.entries()) {
    await ours('CreateBan', { type: ['BAN', 'MUTE', 'HIDE', 'MUTE'][i], userId: user, roomIdentifier: i % 2 ? room : undefined, reason: i % 2 ? `${turned} ${markup}` : 'R'.repeat(128) });
  }
  await ours('PutContentFilter', { name: 'f'.repeat(64), terms: [markup.slice(0, 100), 'w'.repeat(100)], expressions: ['<script>.*'], action: 'DENY', message: `${turned} ${markup}` });
  const hook = await ours('CreateWebhook', { name: turned, url: `http://127.0.0.1:${endpoint.address().port}/${'p'.repeat(300)}`, events: ['message.sent'] });
  await Promise.allSettled(joined.slice(1).map((client) => client.room.sendMessage(new SendMessageRequest(`again ${markup}`)))); // Traces of refusals.
  await ours('TestWebhook', { id: hook.id });

  const { page, check, expect } = await open(browser, `${url}#/rooms`, { viewport: { width: 360, height: 740 } });
  expect(/status of 40[0-9]|WebSocket is closed before/);
  await signIn(page);
  const button = (name) => page.getByRole('button', { name, exact: true });

  await t.test('in tables', async () => {
    const pages = {
      rooms: 'Rooms', bans: 'Bans', filters: 'Content filters', [`filters/every/${'f'.repeat(64)}`]: /^fff/, webhooks: 'Webhooks', [`webhooks/${hook.id}`]: /^Edit /, 'moderation-log': 'Moderation log', [`rooms/${id(room)}/edit`]: /^Edit n/,
    };
    for (const [path, title] of Object.entries(pages)) {
      await go(page, `#/${path}`);
      await heading(page, title);
      await page.waitForLoadState('networkidle');
      await holds(page, path);
    }
    await go(page, '#/webhooks');
    await page.getByRole('radio', { name: `Select ${turned}`, exact: true }).check({ force: true });
    await button('Test').click();
    await page.locator('.notices').getByText(/500/).waitFor();
    await holds(page, 'the error of a webhook');
  });

  await t.test('in a room', async () => {
    await go(page, `#/rooms/${id(room)}`);
    await page.getByText('Connected', { exact: true }).waitFor();
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    const message = log.locator('.message:not(.note, .event) .text').filter({ hasText: 'gnitirw' }).last();
    await message.waitFor();
    assert.equal(await message.evaluate((e) => e.textContent), `${turned} ${markup}`);
    await holds(page, 'messages');
    assert.ok(await log.evaluate((e) => e.scrollWidth <= e.clientWidth), 'a message is wider than the list');
    for (const tab of ['People', 'Viewers', 'History', 'Modes', 'Traces', 'Bans', 'Log', 'Event', 'Details']) {
      await page.getByRole('tab', { name: tab, exact: true }).click();
      await page.getByRole('tabpanel').getByText('Loading', { exact: true }).waitFor({ state: 'detached' });
      await holds(page, tab);
      if (tab === 'Viewers') continue; // A chart, in which strangers have no words.
      // Only what has text: the grid of form fields has margins beyond the panel.
      const wide = await page.getByRole('tabpanel').evaluate((panel) => [...panel.querySelectorAll('*')]
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()))
        .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline' || e.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1)
        .map((e) => e.outerHTML.slice(0, 200)).join('\n'));
      assert.equal(wide, '', `${tab}: something is wider than the panel`);
    }
  });

  await t.test('in questions and notices, where our own words follow', async () => {
    await page.getByRole('tab', { name: 'Bans', exact: true }).click();
    const lift = page.getByRole('button', { name: /^Lift the mute of ann/ });
    await lift.click();
    const dialog = page.getByRole('dialog');
    await holds(page, 'a question');
    await dialog.getByRole('button', { name: 'Lift', exact: true }).click();
    const notice = page.locator('.notices').getByText(/^The mute of .* was lifted$/);
    assert.ok(await reads(notice, 'lifted'), 'the user ID turned our words');
    await holds(page, 'a notice');

    const log = page.getByRole('log', { name: 'Messages', exact: true });
    await log.locator('.message:not(.note, .event) .text').filter({ hasText: 'gnitirw' }).last().click();
    await log.getByRole('button', { name: 'Delete', exact: true }).click();
    await holds(page, 'the question before a message is deleted');
    await page.keyboard.press('Escape');
  });

  await t.test('in events of an application with a name of ours', async () => {
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    await log.focus();
    await page.keyboard.press('Escape'); // It follows again.
    for (const UserIds of ['{', `["${'ann'.repeat(100)}"]`]) await api.send(new SendEventCommand({ roomIdentifier: room, eventName: 'confab:JOINED', attributes: { UserIds } }));
    await log.locator('.note').getByText(/^(ann)+ joined$/).waitFor();
    await log.locator('.event').getByText('{"UserIds":"{"}', { exact: true }).waitFor();
    await holds(page, 'events');
  });

  await t.test('in code that is copied', async () => {
    await go(page, '#/quick-start');
    await heading(page, 'Quick start');
    await page.getByLabel('User ID', { exact: true }).fill(`a'b"c\\d $(id) ${turned}`);
    await page.getByRole('tab', { name: 'AWS CLI', exact: true }).click();
    await page.getByText(`--user-id $'a\\'b"c\\\\d $(id) ann\\u2069\\u202egnitirw'`).waitFor();
    await page.getByRole('tab', { name: 'Python', exact: true }).click();
    await page.getByText(`userId="a'b\\"c\\\\d $(id) ann\\u2069\\u202egnitirw", capabilities`).waitFor();
    await page.getByRole('tab', { name: 'JavaScript', exact: true }).click();
    await page.getByText(`userId: 'a\\'b"c\\\\d $(id) ann\\u2069\\u202egnitirw', capabilities`).waitFor();
    await holds(page, 'quick start');
  });
  check();
});

test('ten thousand characters stay in the line where they were typed', async () => {
  const { arn: room } = await api.send(new CreateRoomCommand({ name: 'long' }));
  const { page, check, expect } = await open(browser, `${url}#/rooms/${id(room)}`, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  expect(/status of 40[0-9]/);
  await signIn(page);
  await page.getByText('Connected', { exact: true }).waitFor();
  const long = 'w'.repeat(10_000);
  const line = page.getByLabel('Message', { exact: true });
  await line.fill(long);
  await page.keyboard.press('Enter');
  await page.locator('.composer-error').filter({ hasText: /\w/ }).waitFor();
  assert.equal(await line.inputValue(), long);
  await holds(page, 'a long line');
  // The same in a form, whose server says what is allowed.
  await go(page, '#/bans');
  await page.getByRole('button', { name: 'Create a ban', exact: true }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('User ID', { exact: true }).fill(long);
  await dialog.getByLabel('Reason', { exact: true }).fill(long);
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await dialog.getByText('Not accepted', { exact: true }).waitFor();
  assert.equal(await dialog.getByLabel('User ID', { exact: true }).inputValue(), long);
  assert.equal(await dialog.getByLabel('Reason', { exact: true }).inputValue(), long);
  await holds(page, 'a form with long words');
  check();
});
