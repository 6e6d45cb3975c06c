// Pictures of every page of the console: in light and dark, on a wide screen and on a phone.
// The pages are those that the menu leads to, the forms, a room with people in it, a question, and
// a list in each of its states. Those of the documents (docs/images) are also written as WebP,
// which is smaller.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { ListLoggingConfigurationsCommand, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { launch, open, signIn } from './console.mjs';
import { api, join, ours } from './support.mjs';

const { PICTURES, CONSOLE_URL, DEV_URL, ROOM } = process.env;
const url = `${CONSOLE_URL}/_confab/console/`;
const ofDocuments = { 'first-minute-light-wide': 'console-start', 'rooms-room-light-wide': 'console-room' };
const sizes = { wide: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

mkdirSync(PICTURES, { recursive: true });
const browser = await launch();
let pictures = 0;

// settled returns when the page has its heading and has not changed for a moment.
async function settled(page) {
  await page.locator('h1').first().waitFor();
  for (let before = '', same = 0; same < 3;) {
    const now = await page.evaluate(() => document.body.innerText);
    same = now === before ? same + 1 : 0;
    before = now;
    await page.waitForTimeout(150);
  }
}

async function picture(page, name) {
  await settled(page);
  await page.screenshot({ path: path(PICTURES, `${name}.png`) });
  if (ofDocuments[name]) {
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 85 });
    writeFileSync(path(PICTURES, `${ofDocuments[name]}.webp`), Buffer.from(data, 'base64'));
    await session.detach();
  }
  pictures++;
}

// What the forms change, and the room. What filters and a mute make of messages is in the traces of the room.
const { loggingConfigurations } = await api.send(new ListLoggingConfigurationsCommand({}));
const { webhooks } = await ours('ListWebhooks', {});
const { rooms } = await api.send(new ListRoomsCommand({ name: 'stage' }));
const people = [];
for (const [user, ...texts] of [['zoe', 'Hello everybody', 'My card is 4111111111111111', 'You idiot'], ['carl', 'WHAT A SHOW']]) {
  const client = await join(rooms[0].arn, user, { capabilities: ['SEND_MESSAGE'] });
  people.push(client);
  for (const text of texts) await client.room.sendMessage(new SendMessageRequest(text)).catch(() => undefined);
}

const refuse = (status, name, message) => (route) => route.fulfill({ status, headers: { 'x-amzn-errortype': name }, json: { message } });
const states = {
  loading: () => undefined, // It is never answered.
  failed: refuse(500, 'InternalServerException', 'The database is not available'),
  denied: refuse(403, 'AccessDeniedException', 'You may not list rooms'),
  offline: (route) => route.abort(),
  empty: (route) => route.fulfill({ json: {} }),
};

for (const colorScheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries(sizes)) {
    const kind = `${colorScheme}-${size}`;
    const dev = await open(browser, `${DEV_URL}/_confab/console/`, { colorScheme, viewport });
    await dev.page.getByText('I see your messages at once').first().waitFor();
    await picture(dev.page, `first-minute-${kind}`);
    await dev.page.context().close();

    const { page } = await open(browser, `${url}#/rooms`, { colorScheme, viewport });
    await picture(page, `sign-in-${kind}`);
    await signIn(page);
    await page.getByText('stage').first().waitFor();
    const menu = await page.locator('a[href^="#/"]').evaluateAll((links) => links.map((a) => a.getAttribute('href')));
    const forms = ['rooms/new', `rooms/${ROOM}`, `rooms/${ROOM}/edit`, 'logging/new', `logging/${loggingConfigurations[0].id}`, 'filters/new', 'filters/every/insults', 'filters/test', 'webhooks/new', `webhooks/${webhooks[0].id}`, 'credentials/new'];
    const pages = new Set([...menu.filter((href) => !href.includes('/rooms/')), ...forms.map((form) => `#/${form}`)]);
    for (const href of pages) {
      await page.evaluate((hash) => { location.hash = hash; }, href);
      const name = href.replace(ROOM, 'room').replace(loggingConfigurations[0].id, 'edit').replace(webhooks[0].id, 'edit').replace(/^#\//, '').replaceAll('/', '-') || 'home';
      await picture(page, `${name}-${kind}`);
      if (name !== 'rooms-room') continue;
      for (const tab of ['History', 'Modes', 'Traces', 'Log']) {
        await page.getByRole('tab', { name: tab, exact: true }).click();
        if (size === 'phone') await page.getByRole('tabpanel').last().scrollIntoViewIfNeeded();
        await picture(page, `${name}-${tab.toLowerCase()}-${kind}`);
      }
    }
    const go = (hash) => page.evaluate((h) => { location.hash = h; }, hash);
    await go('#/bans');
    await page.getByRole('button', { name: 'Create a ban', exact: true }).first().click();
    await picture(page, `bans-new-${kind}`);
    for (const [state, answer] of Object.entries(states)) {
      await go('#/nowhere');
      await page.getByRole('heading', { name: 'No such page', exact: true }).waitFor();
      await page.route('**/ListRooms', answer);
      await go('#/rooms');
      await picture(page, `rooms-${state}-${kind}`);
      await page.unroute('**/ListRooms');
    }
    await page.context().close();
  }
}
for (const client of people) client.room.disconnect();
await browser.close();
console.log(`${pictures} pictures in ${PICTURES}`);
