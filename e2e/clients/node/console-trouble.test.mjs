// What happens to a page that is open: its server restarts, its room or its access key is
// deleted, its moderator has a chat token only. What was typed is not lost.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { DeleteRoomCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { launch, open, signIn, violations } from './console.mjs';
import { api, join, newRoom, tokenFor } from './support.mjs';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
const pageOf = (room) => `${url}#/rooms/${room.split('/').pop()}`;
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

// A test that failed leaves nobody connected.
const opened = [];
const joined = [];
afterEach(async () => {
  for (const client of joined.splice(0)) client.room.disconnect();
  for (const context of opened.splice(0)) await context.close();
});

async function enter(...args) {
  const client = await join(...args);
  joined.push(client);
  return client;
}

// show opens the page of a room. The browser complains of what these tests cause.
async function show(room) {
  const shown = await open(browser, pageOf(room));
  opened.push(shown.page.context());
  shown.expect(/status of [45]0[0-9]|ERR_|WebSocket connection/);
  return shown;
}

// control has the suite do something to the server.
async function control(what) {
  const answer = await fetch(`${process.env.CONTROL_URL}/${what}`, { method: 'POST' });
  assert.equal(answer.status, 200, await answer.text());
}

async function live(options) {
  const room = await newRoom();
  const shown = await show(room);
  const { page } = shown;
  await signIn(page, options?.id, options?.secret);
  await page.getByText('Connected', { exact: true }).waitFor();
  return { ...shown, room, line: page.getByLabel('Message', { exact: true }) };
}

test('a server that restarts leaves the page as it was', async () => {
  const { page, check, line, room } = await live();
  await line.fill('half a sent');
  await control('restart');
  await page.getByText('Connected', { exact: true }).waitFor();
  assert.equal(await line.inputValue(), 'half a sent');
  await page.getByText('Connected again. Messages sent in between may be missing.', { exact: true }).waitFor();
  const ann = await enter(room, 'ann');
  await page.getByText('Connected', { exact: true }).waitFor();
  await line.press('Enter');
  await ann.next('message', (m) => m.content === 'half a sent');
  check();
});

test('a room that is deleted leaves what was read and typed', async () => {
  const { page, check, line, room } = await live();
  const ann = await enter(room, 'ann');
  await ann.room.sendMessage(new SendMessageRequest('a last word'));
  await page.getByRole('log', { name: 'Messages', exact: true }).getByText('a last word', { exact: true }).waitFor();
  await line.fill('half a sentence');
  await api.send(new DeleteRoomCommand({ identifier: room }));
  await page.getByText('The room was deleted', { exact: true }).waitFor();
  assert.equal(await line.inputValue(), 'half a sentence');
  await page.getByRole('log', { name: 'Messages', exact: true }).getByText('a last word', { exact: true }).waitFor();
  assert.deepEqual(await violations(page), []);
  check();
});

test('an access key that is deleted is asked for again, and the draft is there', async () => {
  const { page, check, line } = await live({ id: process.env.KEY_ID, secret: process.env.KEY_SECRET });
  await line.fill('a first word');
  await line.press('Enter');
  const read = page.getByRole('log', { name: 'Messages', exact: true }).getByText('a first word', { exact: true });
  await read.waitFor();
  await line.fill('half a sentence');
  await page.getByRole('tab', { name: 'Event', exact: true }).click();
  const event = page.getByLabel('Name', { exact: true });
  await event.fill('app:curtain');
  await control('revoke');
  await page.getByRole('button', { name: 'Sign in again', exact: true }).first().click();
  await page.getByRole('dialog', { name: 'Sign in again', exact: true }).waitFor();
  assert.deepEqual(await violations(page), []);
  await signIn(page, 'AKIDNOBODY', 'no-secret-of-anybody');
  await page.getByRole('dialog').getByText('The access key is not accepted', { exact: true }).waitFor();
  await signIn(page);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByText('The access key is not accepted', { exact: true }).waitFor({ state: 'detached' });
  await page.getByText('Connected', { exact: true }).waitFor();
  // The page goes on where it was: what was read, and what was typed into a line and a form.
  assert.equal(await line.inputValue(), 'half a sentence');
  assert.equal(await event.inputValue(), 'app:curtain');
  assert.ok(await read.isVisible());
  await page.getByRole('button', { name: 'Send the event', exact: true }).click();
  await page.getByText('The event app:curtain was sent', { exact: true }).waitFor();
  check();
});

test('a moderator with a chat token has one room and what the token allows', async () => {
  const room = await newRoom();
  const ann = await enter(room, 'ann', { capabilities: ['SEND_MESSAGE'] });
  const { page, check } = await show(room);
  const withToken = async (capabilities) => {
    const { token } = await tokenFor(room, 'mo', { capabilities });
    await page.getByRole('button', { name: 'Chat token of a room', exact: true }).click();
    await page.getByLabel('Chat token', { exact: true }).fill(token);
    await page.keyboard.press('Enter');
    await page.getByText('Connected', { exact: true }).waitFor();
  };
  await page.getByRole('button', { name: 'Chat token of a room', exact: true }).click();
  assert.deepEqual(await violations(page), []);
  await page.getByLabel('Chat token', { exact: true }).fill('no-token');
  await page.keyboard.press('Enter');
  await page.getByText('The chat token is not accepted', { exact: true }).waitFor();

  await withToken(['SEND_MESSAGE', 'DELETE_MESSAGE']);
  const log = page.getByRole('log', { name: 'Messages', exact: true });
  await ann.room.sendMessage(new SendMessageRequest('rude words'));
  await log.getByText('rude words', { exact: true }).click();
  assert.equal(await log.getByRole('button', { name: 'Ban ann', exact: true }).count(), 0, 'a ban needs DISCONNECT_USER');
  await log.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByLabel('Reason', { exact: true }).fill('rude');
  await page.keyboard.press('Enter');
  await ann.next('messageDelete', (d) => d.reason === 'rude');
  await log.getByText('Deleted: rude', { exact: true }).waitFor();
  await page.getByLabel('Message', { exact: true }).fill('half a sentence');

  // The connection is lost: the token connects once, and the page asks for another.
  await control('restart');
  await page.getByRole('button', { name: 'Sign in again', exact: true }).first().click();
  await withToken(['SEND_MESSAGE', 'DISCONNECT_USER']);
  assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), 'half a sentence');
  assert.deepEqual(await violations(page), []);
  await page.getByRole('tab', { name: 'Modes', exact: true }).click();
  await page.getByRole('checkbox', { name: 'Slow mode', exact: true }).click({ force: true });
  await page.getByText(/^Set by mo/).waitFor();
  const bob = await enter(room, 'bob', { capabilities: ['SEND_MESSAGE'] });
  await bob.room.sendMessage(new SendMessageRequest('more rude words'));
  await log.getByText('more rude words', { exact: true }).click();
  await log.getByRole('button', { name: 'Ban bob', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Ban', exact: true }).click();
  await bob.next('disconnect');
  check();
});
