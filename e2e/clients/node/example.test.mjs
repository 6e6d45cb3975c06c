// examples/browser as a visitor sees it: two windows chat. The test that starts
// this one has started the example's server; EXAMPLE_URL is its address.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SendEventCommand, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { launch } from './chromium.mjs';
import { api } from './support.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function visit(name) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(process.env.EXAMPLE_URL);
  await page.fill('#name', name);
  await page.click('#join button');
  await page.getByText(`connected as ${name}`).waitFor();
  return page;
}

async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

test('two windows chat', async () => {
  const [ann, bob] = await Promise.all([visit('Ann'), visit('Bob')]);
  await say(ann, 'hello <i>Bob</i>');
  const message = bob.locator('.message', { hasText: 'hello <i>Bob</i>' });
  await message.waitFor();
  assert.equal(await message.locator('b').textContent(), 'Ann');
  await say(bob, 'hello Ann');
  await ann.locator('.message', { hasText: 'hello Ann' }).waitFor();
  assert.equal(await ann.locator('.message').count(), 2);
  assert.equal(await ann.locator('.message.own').count(), 1);

  await message.locator('button').click();
  await ann.locator('.message', { hasText: 'hello <i>Bob</i>' }).waitFor({ state: 'detached' });
  await bob.locator('.message', { hasText: 'hello <i>Bob</i>' }).waitFor({ state: 'detached' });

  const { rooms } = await api.send(new ListRoomsCommand({ name: 'demo' }));
  await api.send(new SendEventCommand({ roomIdentifier: rooms[0].arn, eventName: 'app:notice', attributes: { text: 'soon' } }));
  await ann.getByText('app:notice {"text":"soon"}').waitFor();
  if (process.env.SCREENSHOT) await ann.screenshot({ path: process.env.SCREENSHOT });
});
