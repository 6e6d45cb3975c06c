// Every page in every state: while it loads, when the server fails, when it refuses, when it does
// not know an operation, when it cannot be reached and when it can again, and without any data.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CreateLoggingConfigurationCommand, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { heading, launch, open, signIn, violations } from './console.mjs';
import { api, newRoom, ours } from './support.mjs';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
let browser, room, logs, hook;
before(async () => {
  browser = await launch();
  room = (await newRoom({ name: 'stage', tags: { 'confab:history': '1h' } })).split('/').pop();
  logs = (await api.send(new CreateLoggingConfigurationCommand({ name: 'archive', destinationConfiguration: { s3: { bucketName: 'chat-archive' } } }))).id;
  hook = (await ours('CreateWebhook', { name: 'bot', url: 'https://example.com/', events: ['message.sent'] })).id;
  await ours('PutContentFilter', { name: 'insults', terms: ['idiot'], action: 'DENY' });
});
after(() => browser?.close());

const go = (page, hash) => page.evaluate((h) => { location.hash = h; }, hash);
const says = (page, text) => page.getByText(text, { exact: true }).first();

// answer has the calls of the operations that match answered by a function, or all calls.
async function answer(page, handler, operations = '[A-Z][A-Za-z]+') {
  const called = new RegExp(`^/(_confab/v1/)?(${operations})$`);
  const where = (u) => called.test(u.pathname);
  await page.route(where, handler);
  return () => page.unroute(where);
}

const refuse = (status, name) => (route) => route.fulfill({ status, headers: { 'x-amzn-errortype': name }, json: { message: `because of ${name}` } });

// holding keeps calls waiting until they are released.
function holding() {
  const held = [];
  return { hold: (route) => held.push(route), release: () => Promise.all(held.splice(0).map((route) => route.continue().catch(() => undefined))) };
}

const refusals = [
  [500, 'InternalServerException', 'The server failed', true],
  [503, 'ServiceUnavailableException', 'The server cannot do this now', true],
  [403, 'AccessDeniedException', 'Not allowed', false],
  [404, 'UnknownOperationException', 'This server does not have this', false],
];

async function fits(page, what) {
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} is wider than the screen`);
}

async function looksRight(page, what) {
  await fits(page, what);
  assert.deepEqual(await violations(page), [], what);
}

// start signs in. A page that stayed open would ask the server again and again.
async function start(t, hash, options = {}) {
  const opened = await open(browser, `${url}${hash}`, { viewport: { width: 360, height: 740 }, ...options });
  opened.expect(/status of [45]0[0-9]|ERR_|WebSocket/);
  t.after(() => opened.page.context().close());
  await signIn(opened.page);
  return opened;
}

test('pages that load something', async (t) => {
  const { page, check } = await start(t, '#/nowhere', { colorScheme: 'dark' });
  await heading(page, 'No such page');
  const pages = {
    rooms: 'Rooms', [`rooms/${room}`]: 'stage', [`rooms/${room}/edit`]: 'Edit stage', logging: 'Logging configurations', [`logging/${logs}`]: 'Edit archive', bans: 'Bans',
    filters: 'Content filters', 'filters/every/insults': 'insults', 'moderation-log': 'Moderation log', webhooks: 'Webhooks', [`webhooks/${hook}`]: 'Edit bot', credentials: 'Credentials',
    server: 'Nodes and health', metrics: 'Metrics',
  };
  // visit opens a page anew: nothing of it was loaded before.
  const visit = async (path) => {
    await go(page, '#/nowhere');
    await heading(page, 'No such page');
    await go(page, `#/${path}`);
  };
  for (const [path, title] of Object.entries(pages)) {
    await t.test(`#/${path.replace(room, 'ROOM').replace(logs, 'ID').replace(hook, 'ID')}`, async () => {
      const { hold, release } = holding();
      let through = await answer(page, hold);
      await visit(path);
      await says(page, 'Loading').waitFor();
      await page.locator('h1').first().waitFor();
      await fits(page, 'loading');
      await through();
      await release();
      await heading(page, title);
      await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' });

      for (const [status, name, text, again] of refusals) {
        through = await answer(page, refuse(status, name));
        await visit(path);
        await says(page, text).waitFor();
        assert.equal(await page.getByRole('button', { name: 'Try again', exact: true }).count() > 0, again, `${name}: whether it may be tried again`);
        assert.equal(await page.getByText(/^(There is no|Nothing was done|No data)/).count(), 0, `${name}: it says that there is nothing`);
        await (status === 500 ? looksRight : fits)(page, name);
        await through();
        // What passes is tried again by the page, all else by a person.
        if (!again) continue;
        if (status === 500) await page.getByRole('button', { name: 'Try again', exact: true }).first().click();
        await says(page, text).waitFor({ state: 'detached' });
        await heading(page, title);
      }

      await page.context().setOffline(true);
      await visit(path);
      await says(page, 'The server cannot be reached').waitFor();
      await page.getByText(/tries again until it works/).first().waitFor();
      await page.context().setOffline(false);
      await says(page, 'The server cannot be reached').waitFor({ state: 'detached' });
      await heading(page, title);
    });
  }
  check();
});

test('the parts of a room', async (t) => {
  const { page, check } = await start(t, `#/rooms/${room}`);
  await heading(page, 'stage');
  await page.getByText('Connected', { exact: true }).waitFor();
  const tabs = {
    People: ['ListRoomUsers', { users: [] }, 'Nobody is here'], History: ['ListMessages', { messages: [] }, 'No messages'], Traces: ['ListMessageTraces', { traces: [] }, 'No attempts'],
    Bans: ['ListBans', { bans: [] }, 'Nobody is banned from this room'], Log: ['ListModerationEvents', { events: [] }, 'Nothing was done'], Modes: ['GetRoomModes', { modes: [] }, 'Modes apply at once, to everyone but staff: users who can delete messages or disconnect users.'],
  };
  for (const [tab, [operation, nothing, empty]] of Object.entries(tabs)) {
    await t.test(tab, async () => {
      const visit = async () => {
        await page.getByRole('tab', { name: 'Details', exact: true }).click();
        await page.getByRole('tab', { name: tab, exact: true }).click();
      };
      const panel = page.getByRole('tabpanel');
      const { hold, release } = holding();
      let through = await answer(page, hold, operation);
      await visit();
      await panel.getByText('Loading', { exact: true }).waitFor();
      await through();
      await release();
      for (const [status, name, text] of refusals) {
        through = await answer(page, refuse(status, name), operation);
        await visit();
        await panel.getByText(text, { exact: true }).waitFor();
        await fits(page, name);
        await through();
      }
      through = await answer(page, (route) => route.fulfill({ json: nothing }), operation);
      await visit();
      await panel.getByText(empty, { exact: true }).waitFor();
      await (tab === 'Traces' ? looksRight : fits)(page, 'empty');
      await through();
    });
  }
  check();
});

test('lists without anything', async (t) => {
  const { page, check } = await start(t, '#/nowhere');
  await heading(page, 'No such page');
  const through = await answer(page, (route) => route.fulfill({ json: {} }), '(List|GetMetrics).*');
  const pages = {
    rooms: 'There is no room', logging: 'There is no logging configuration', bans: 'There is no ban', filters: 'There is no filter', 'moderation-log': 'Nothing was done',
    webhooks: 'There is no webhook', credentials: 'There is no access key', metrics: 'No data for this time', tokens: 'Create one', 'quick-start': 'Create one',
  };
  for (const [path, text] of Object.entries(pages)) {
    await t.test(`#/${path}`, async () => {
      await go(page, `#/${path}`);
      await says(page, text).waitFor();
      await (['rooms', 'metrics', 'tokens'].includes(path) ? looksRight : fits)(page, path);
    });
  }
  await through();
  check();
});

// fills types into a form by the labels of its fields.
const fills = async (place, fields) => {
  for (const [label, text] of Object.entries(fields)) await place.getByLabel(label, { exact: true }).fill(text);
};

test('forms keep what was typed when they cannot be sent', async (t) => {
  const { page, check } = await start(t, '#/nowhere');
  await heading(page, 'No such page');
  const forms = {
    'rooms/new': ['Create a room', { Name: 'lobby' }, 'Create', 'lobby'],
    [`rooms/${room}/edit`]: ['Edit stage', { Name: 'theater' }, 'Save', 'theater'],
    'logging/new': ['Create a logging configuration', { Name: 'attic', Bucket: 'chat-attic' }, 'Create', 'Logging configurations'],
    'filters/new': ['Create a filter', { Name: 'spam', Terms: 'buy now' }, 'Create', 'Content filters'],
    'webhooks/new': ['Create a webhook', { Name: 'search', URL: 'https://example.com/search' }, 'Create', 'Webhooks'],
    'credentials/new': ['Create an access key', { Name: 'reader' }, 'Create', 'Credentials'],
    tokens: ['Chat tokens', { 'User ID': 'zoë' }, 'Create a token', 'Chat tokens'],
    'filters/test': ['Test the content filters', { Text: 'you idiot' }, 'Test', 'Test the content filters'],
    bans: ['Bans', { 'User ID': 'troll', Reason: 'insults' }, 'Create', 'Bans'],
  };
  for (const [path, [title, fields, button, next]] of Object.entries(forms)) {
    await t.test(`#/${path.replace(room, 'ROOM')}`, async () => {
      await go(page, `#/${path}`);
      await heading(page, title);
      let place = page;
      if (path === 'bans') {
        await page.getByRole('button', { name: 'Create a ban', exact: true }).first().click();
        place = page.getByRole('dialog');
      }
      await fills(place, fields);
      const send = place.getByRole('button', { name: button, exact: true });
      const kept = async () => {
        for (const [label, text] of Object.entries(fields)) assert.equal(await place.getByLabel(label, { exact: true }).inputValue(), text, label);
      };
      for (const [, name, text] of refusals.slice(0, 3)) {
        const through = await answer(page, refuse(...refusals.find((r) => r[1] === name)), '(Create|Update|Put|Test|Get|Delete).*');
        await send.click();
        await place.getByText(text, { exact: true }).first().waitFor();
        await kept();
        await through();
      }
      await page.context().setOffline(true);
      await send.click();
      await place.getByText('The server cannot be reached', { exact: true }).first().waitFor();
      await kept();
      await page.context().setOffline(false);
      await send.click();
      // The secret is shown once.
      if (path === 'webhooks/new' || path === 'credentials/new') await page.getByRole('button', { name: 'I have stored it', exact: true }).click();
      if (path === 'bans') await page.getByRole('row', { name: /troll/ }).waitFor();
      await heading(page, next);
      await page.getByText('The server cannot be reached', { exact: true }).first().waitFor({ state: 'detached' });
    });
  }
  assert.equal((await api.send(new ListRoomsCommand({ name: 'lobby' }))).rooms.length, 1, 'it was created once');
  check();
});

test('the sign-in says that the server cannot be reached, and keeps the key', async () => {
  const { page, check, expect } = await open(browser, url);
  expect(/ERR_|status of/);
  const id = page.getByLabel('Access key ID', { exact: true });
  await id.waitFor();
  await page.context().setOffline(true);
  await signIn(page);
  await says(page, 'The server cannot be reached').waitFor();
  assert.equal(await id.inputValue(), process.env.AWS_ACCESS_KEY_ID);
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await heading(page, 'Rooms');

  // With a key in this tab's storage, the page signs in by itself when the server answers.
  await page.evaluate(([accessKeyId, secretAccessKey]) => sessionStorage.setItem('confab-session', JSON.stringify({ accessKeyId, secretAccessKey })), [process.env.AWS_ACCESS_KEY_ID, process.env.AWS_SECRET_ACCESS_KEY]);
  await page.route('**/service-2.json', (route) => route.abort());
  await page.reload();
  await says(page, 'The server cannot be reached').waitFor();
  await page.getByText(/tries again until it works/).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.unroute('**/service-2.json');
  await heading(page, 'Rooms');
  check();
});

test('addresses that lead nowhere', async (t) => {
  const { page, check } = await start(t, '#/constructor');
  await heading(page, 'No such page');
  await go(page, '#/rooms/%E0%A4%A');
  await says(page, 'Not accepted').waitFor();
  await go(page, '#/filters/every/insults/more');
  await heading(page, 'No such page');
  await looksRight(page, 'no page');
  check();
});
