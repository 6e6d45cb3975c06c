// An evening of a moderator, and what an operator sets up for applications: bans, content
// filters, modes and actions in a live room, webhooks, credentials.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { IvschatClient, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { heading as title, launch, open, signIn, violations } from './console.mjs';
import { Client, join, newRoom, ours, tokenFor } from './support.mjs';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test('a moderator', async (t) => {
  const room = await newRoom({ name: 'stage' });
  const { page, check, expect } = await open(browser, `${url}#/bans`);
  expect(/status of 40[0-9]/); // What the server refuses is in the browser's console.
  const go = (hash) => page.evaluate((h) => { location.hash = h; }, hash);
  const heading = (name) => title(page, name);
  const accessible = async (what) => assert.deepEqual(await violations(page), [], what);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = page.getByRole('dialog');
  await signIn(page);

  await t.test('bans a range of addresses from every room, and lifts it', async () => {
    await heading('Bans');
    await page.getByText('There is no ban', { exact: true }).waitFor();
    await accessible('no bans');
    await button('Create a ban').first().click();
    await dialog.getByRole('radio', { name: 'Mute', exact: true }).check();
    await dialog.getByRole('radio', { name: 'A range of addresses', exact: true }).check();
    await dialog.getByLabel('Range of addresses', { exact: true }).fill('203.0.113.7');
    await dialog.getByLabel('Reason', { exact: true }).fill('a farm of bots');
    await accessible('the form of a ban');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await dialog.getByText('203.0.113.7/32').waitFor(); // What is wrong, and nothing that was typed is lost.
    await dialog.getByLabel('Range of addresses', { exact: true }).fill('203.0.113.0/24');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    const row = page.getByRole('row', { name: /203\.0\.113\.0\/24/ });
    await row.getByText('a farm of bots', { exact: true }).waitFor();
    await row.getByText('Mute', { exact: true }).waitFor();
    await row.getByText('Every room', { exact: true }).waitFor();
    await page.getByRole('radio', { name: 'Select 203.0.113.0/24', exact: true }).check({ force: true });
    await button('Change').click();
    await dialog.getByLabel('How long from now', { exact: true }).click();
    await page.getByRole('option', { name: '7 days', exact: true }).click();
    await dialog.getByLabel('Reason', { exact: true }).fill('a bigger farm');
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await row.getByText('a bigger farm', { exact: true }).waitFor();
    await row.locator('time').nth(1).waitFor(); // When it ends, beside when it was created.
    const { bans } = await ours('ListBans', {});
    assert.ok(Math.abs(Date.parse(bans[0].expirationTime) - Date.now() - 7 * 86_400_000) < 600_000, bans[0].expirationTime);
    await page.getByRole('radio', { name: 'Select 203.0.113.0/24', exact: true }).check({ force: true });
    await button('Lift').click();
    await dialog.getByRole('button', { name: 'Lift', exact: true }).click();
    await page.getByText('There is no ban', { exact: true }).waitFor();
  });

  await t.test('makes a filter, sees each hit, and changes it', async () => {
    await go('#/filters/new');
    await heading('Create a filter');
    await page.getByLabel('Name', { exact: true }).fill('insults');
    await page.getByLabel('Terms', { exact: true }).fill('idiot\nscam*');
    await page.getByLabel('Expressions', { exact: true }).fill('(?=x)');
    await page.getByLabel('Message', { exact: true }).fill('Be kind');
    await accessible('the form of a filter');
    await button('Create').click();
    await page.getByText('is no expression of RE2').waitFor();
    await page.getByLabel('Expressions', { exact: true }).fill('\\d{4}-\\d{4}');
    await button('Create').click();
    await heading('Content filters');
    await page.getByRole('row', { name: /insults/ }).getByText('Be kind', { exact: true }).waitFor();
    await accessible('filters');

    await button('Test a text').click();
    await page.getByLabel('Text', { exact: true }).fill('👋 i.d.i.o.t, a scammer 1234-5678');
    await button('Test').click();
    const result = page.getByRole('status', { name: 'Result of the test', exact: true });
    await result.getByText('Refuse', { exact: true }).waitFor();
    const hits = result.getByRole('table', { name: 'Hits', exact: true }).locator('mark');
    await hits.first().waitFor();
    assert.deepEqual(await hits.allTextContents(), ['i.d.i.o.t', 'scam', '1234-5678']);
    await accessible('the test of filters');

    await go('#/filters/every/insults');
    await page.getByRole('radio', { name: 'Mask', exact: true }).check();
    await button('Save').click();
    await page.getByText('The filter insults was changed', { exact: true }).waitFor();
    const ann = await join(room, 'ann', { capabilities: ['SEND_MESSAGE'] });
    await ann.room.sendMessage(new SendMessageRequest('you idiot'));
    await ann.next('message', (m) => m.content === 'you *****');
    ann.room.disconnect();

    await page.getByRole('radio', { name: /^Select insults/ }).or(page.getByRole('radio', { name: /filters\/every\/insults/ })).check({ force: true });
    await button('Delete').click();
    await page.getByLabel('To confirm, type insults', { exact: true }).fill('insults');
    await page.keyboard.press('Enter');
    await page.getByText('There is no filter', { exact: true }).waitFor();
  });

  await t.test('slows a room down, mutes, bans and disconnects in it', async () => {
    await go(`#/rooms/${room.split('/').pop()}`);
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    const speaker = { capabilities: ['SEND_MESSAGE'] };
    const [bob, eve, mal] = await Promise.all(['bob', 'eve', 'mal'].map((user) => join(room, user, speaker)));
    await page.getByText('Connected', { exact: true }).waitFor();

    await page.getByRole('tab', { name: 'Modes', exact: true }).click();
    await page.getByLabel('How long a switch lasts', { exact: true }).click();
    await page.getByRole('option', { name: '10 minutes', exact: true }).click();
    await page.getByRole('checkbox', { name: 'Slow mode', exact: true }).click({ force: true });
    await page.getByText(/^Set by .*, until .*\d/).waitFor();
    await accessible('modes');
    await bob.room.sendMessage(new SendMessageRequest('first'));
    await assert.rejects(() => bob.room.sendMessage(new SendMessageRequest('second')), (e) => /Slow mode/.test(e.errorMessage));
    await button('Switch back: Slow mode').click();
    await page.getByText(/^Set by/).waitFor({ state: 'detached' });
    await bob.room.sendMessage(new SendMessageRequest('third'));
    // The other switches, each by what it refuses.
    for (const [name, mode, texts] of [['Restrict sending', 'send', ['hello?']], ['Restrict links', 'links', ['see https://example.com']], ['No repeats', 'repeat', ['echo', 'echo']]]) {
      await page.getByRole('checkbox', { name, exact: true }).click({ force: true });
      await button(`Switch back: ${name}`).waitFor();
      const { modes } = await ours('GetRoomModes', { roomIdentifier: room });
      const { source, expirationTime } = modes.find((m) => m.name === mode);
      assert.ok(source === 'MODERATOR' && Math.abs(Date.parse(expirationTime) - Date.now() - 600_000) < 120_000, `${name}: ${source}, ${expirationTime}`);
      const refused = texts.pop();
      for (const text of texts) await bob.room.sendMessage(new SendMessageRequest(text));
      await assert.rejects(() => bob.room.sendMessage(new SendMessageRequest(refused)), name);
      await button(`Switch back: ${name}`).click();
      await button(`Switch back: ${name}`).waitFor({ state: 'detached' });
      await bob.room.sendMessage(new SendMessageRequest(refused));
    }

    await log.getByText('third', { exact: true }).click();
    await log.getByRole('button', { name: 'Mute bob', exact: true }).click();
    await dialog.getByLabel('Reason', { exact: true }).fill('too loud');
    await accessible('the question before a mute');
    await dialog.getByRole('button', { name: 'Mute', exact: true }).click();
    await page.getByText('bob was muted', { exact: true }).waitFor();
    await assert.rejects(() => bob.room.sendMessage(new SendMessageRequest('fourth')), (e) => /muted for 10 minutes|muted for 9 minutes/.test(e.errorMessage));

    await page.getByRole('tab', { name: 'People', exact: true }).click();
    await button('Ban eve').click();
    await dialog.getByLabel('How long', { exact: true }).click();
    await page.getByRole('option', { name: 'Another time', exact: true }).click();
    await dialog.getByLabel('Minutes', { exact: true }).fill('90');
    await dialog.getByRole('button', { name: 'Ban', exact: true }).click();
    await eve.next('disconnect');
    await log.getByText('eve was disconnected').waitFor();

    await mal.room.sendMessage(new SendMessageRequest('see you'));
    await log.getByText('see you', { exact: true }).click();
    await log.getByRole('button', { name: 'Disconnect mal', exact: true }).click();
    await dialog.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await mal.next('disconnect');

    await page.getByRole('tab', { name: 'Bans', exact: true }).click();
    await page.getByRole('list', { name: 'Bans', exact: true }).getByText(/: too loud$/).waitFor();
    await accessible('the bans of a room');
    await button('Lift the ban of eve').click();
    await dialog.getByRole('button', { name: 'Lift', exact: true }).click();
    await page.getByRole('list', { name: 'Bans', exact: true }).getByText('eve', { exact: true }).waitFor({ state: 'detached' });
    const again = new Client(() => tokenFor(room, 'eve'));
    await again.connect();
    again.room.disconnect();
    bob.room.disconnect();
  });

  await t.test('sees why messages were refused, and who did what', async () => {
    const flood = await join(room, 'max', { capabilities: ['SEND_MESSAGE'] });
    await Promise.allSettled(Array.from({ length: 60 }, (_, n) => flood.room.sendMessage(new SendMessageRequest(`flood ${n}`))));
    flood.room.disconnect();
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    await page.getByRole('tab', { name: 'Traces', exact: true }).click();
    const attempts = page.getByRole('list', { name: 'Attempts to send', exact: true });
    await attempts.getByText('The user sent too many messages a second.', { exact: true }).first().waitFor();
    await button('Show more').click();
    await button('Show more').waitFor({ state: 'detached' });
    assert.ok(await attempts.getByRole('listitem').count() > 60);

    await log.getByText('third', { exact: true }).click();
    await log.getByRole('button', { name: 'More about bob', exact: true }).click();
    await page.getByRole('menuitem', { name: 'What happened to this message', exact: true }).click();
    await attempts.locator('[aria-current]').getByText('Delivered', { exact: true }).waitFor();
    await attempts.getByText('Slow mode: the user had to wait.', { exact: true }).waitFor();
    await attempts.getByText(/^The sender read: 403 You are muted/).waitFor();
    assert.equal(await attempts.getByText('max').count(), 0);
    await accessible('traces');
    await page.getByLabel('Result', { exact: true }).click();
    await page.getByRole('option', { name: 'Refused', exact: true }).click();
    await attempts.getByText('Delivered', { exact: true }).first().waitFor({ state: 'detached' });
    await attempts.getByText('The user is muted.', { exact: true }).waitFor();

    await log.getByRole('button', { name: 'More about bob', exact: true }).click();
    await page.getByRole('menuitem', { name: 'What was done to this user', exact: true }).click();
    const done = page.getByRole('list', { name: 'Moderation log', exact: true });
    await done.getByText('Mute created', { exact: true }).waitFor();
    await done.getByText('too loud', { exact: true }).waitFor();
    assert.equal(await done.getByText('eve', { exact: true }).count(), 0);
    await accessible('the moderation log of a room');
    await page.getByLabel('User ID', { exact: true }).fill('');
    await button('Show').click();
    await done.getByText('Ban lifted', { exact: true }).waitFor();

    await go('#/moderation-log');
    await heading('Moderation log');
    const row = (name) => page.getByRole('row', { name });
    await row(/Mute created.*bob.*stage.*too loud/).waitFor();
    await row(/Filter matched.*ann.*stage.*Content filter.*filter insults/).waitFor();
    await accessible('the moderation log');
    await page.getByLabel('What was done', { exact: true }).click();
    await page.getByRole('option', { name: 'Filter matched', exact: true }).click();
    await row(/Mute created/).waitFor({ state: 'detached' });
    await row(/Filter matched/).waitFor();
    await page.getByRole('button', { name: 'Time', exact: true }).click();
    await page.getByPlaceholder('YYYY/MM/DD').first().fill('2999/01/01');
    await button('Show').click();
    await page.getByText('Nothing was done', { exact: true }).waitFor();
  });

  await t.test('deletes the latest messages of a user only, and erases the user', async () => {
    const kept = await newRoom({ name: 'kept', tags: { 'confab:history': '1h' } });
    const zoe = await join(kept, 'zoe', { capabilities: ['SEND_MESSAGE'] });
    for (const text of ['one', 'two']) await zoe.room.sendMessage(new SendMessageRequest(text));
    await go(`#/rooms/${kept.split('/').pop()}`);
    const log = page.getByRole('log', { name: 'Messages', exact: true });
    await log.getByText('two', { exact: true }).click();
    await log.getByRole('button', { name: 'More about zoe', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Delete all messages', exact: true }).click();
    await dialog.getByLabel('Which messages', { exact: true }).click();
    await page.getByRole('option', { name: 'The last 10 minutes', exact: true }).click();
    const [asked] = await Promise.all([page.waitForRequest(/DeleteUserMessages$/), dialog.getByRole('button', { name: 'Delete all', exact: true }).click()]);
    const since = Date.parse(JSON.parse(asked.postData()).since);
    assert.ok(Math.abs(Date.now() - since - 600_000) < 300_000, `since ${since}`);
    await page.getByText('2 messages of zoe are deleted', { exact: true }).waitFor();
    zoe.room.disconnect();

    await go('#/erase-user');
    await heading('Erase a user');
    await accessible('the form of an erasure');
    await page.getByLabel('User ID', { exact: true }).fill('zoe');
    await button('Erase').click();
    assert.ok(await dialog.getByRole('button', { name: 'Erase', exact: true }).isDisabled());
    await dialog.getByLabel('To confirm, type zoe', { exact: true }).fill('zoe');
    await accessible('the question before an erasure');
    await page.keyboard.press('Enter');
    await page.getByRole('status', { name: 'Erasure', exact: true }).getByText('zoe is erased: 2 messages removed', { exact: true }).waitFor();
    await page.getByText('No chat logs', { exact: true }).waitFor();
    await accessible('what came of an erasure');
    assert.deepEqual((await ours('ListMessages', { roomIdentifier: kept, includeDeleted: true })).messages, []);
  });

  await t.test('makes a webhook, tests it, changes it, pauses it, rotates its secret, deletes it', async () => {
    const calls = [];
    const endpoint = createServer((request, response) => {
      let body = '';
      request.on('data', (piece) => (body += piece));
      request.on('end', () => {
        calls.push({ body: JSON.parse(body), signature: request.headers['webhook-signature'] });
        response.end();
      });
    });
    await new Promise((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
    t.after(() => (endpoint.close(), endpoint.closeAllConnections()));
    await go('#/webhooks');
    await page.getByText('There is no webhook', { exact: true }).waitFor();
    await accessible('no webhooks');
    await button('Create a webhook').first().click();
    await page.getByLabel('Name', { exact: true }).fill('bot');
    await page.getByLabel('URL', { exact: true }).fill('ftp://127.0.0.1/');
    await button('Create').click();
    await page.getByText('must begin with https://').waitFor();
    await page.getByLabel('URL', { exact: true }).fill(`http://127.0.0.1:${endpoint.address().port}/`);
    await accessible('the form of a webhook');
    await button('Create').click();
    const secret = await page.getByLabel('secret', { exact: true }).textContent();
    assert.match(secret, /^whsec_/);
    await accessible('a secret');
    await button('I have stored it').click();
    const row = page.getByRole('row', { name: /bot/ });
    await row.getByText('Active', { exact: true }).waitFor();
    assert.equal(await page.getByText(secret).count(), 0);
    await page.getByRole('radio', { name: 'Select bot', exact: true }).check({ force: true });
    await button('Test').click();
    await page.getByText(/bot answered 200 in \d+ ms/).waitFor();
    assert.equal(calls[0].body.data.events[0].type, 'webhook.test');
    await button('Edit').click();
    await heading('Edit bot');
    await accessible('the form of a webhook that exists');
    assert.equal(await page.getByLabel('URL', { exact: true }).inputValue(), `http://127.0.0.1:${endpoint.address().port}/`);
    await page.getByLabel('Name', { exact: true }).fill('robot');
    await page.getByRole('radio', { name: 'Some rooms', exact: true }).check();
    assert.ok(await button('Save').isDisabled());
    await page.getByLabel('Some rooms', { exact: true }).last().click();
    await page.getByRole('option', { name: /^stage/ }).click();
    await page.keyboard.press('Escape');
    await page.getByLabel('Events', { exact: true }).click();
    await page.getByRole('option', { name: 'message.deleted', exact: true }).click();
    await page.keyboard.press('Escape');
    await button('Save').click();
    await page.getByRole('row', { name: /robot/ }).getByText('1 room', { exact: true }).waitFor();
    let [hook] = (await ours('ListWebhooks', {})).webhooks;
    assert.deepEqual([hook.roomArns, hook.events], [[room], ['message.sent', 'message.deleted']]);
    await page.getByRole('radio', { name: 'Select robot', exact: true }).check({ force: true });
    await button('Edit').click();
    await heading('Edit robot');
    await page.getByLabel('Name', { exact: true }).fill('bot');
    await page.getByRole('radio', { name: 'Every room', exact: true }).check();
    await button('Save').click();
    await row.getByText('Every room', { exact: true }).waitFor();
    [hook] = (await ours('ListWebhooks', {})).webhooks;
    assert.deepEqual([hook.name, hook.roomArns], ['bot', undefined]);
    await page.getByRole('radio', { name: 'Select bot', exact: true }).check({ force: true });
    await button('Pause').click();
    await row.getByText('Paused', { exact: true }).waitFor();
    await button('Resume').click();
    await row.getByText('Active', { exact: true }).waitFor();
    await button('Rotate the secret').click();
    await dialog.getByRole('button', { name: 'Rotate', exact: true }).click();
    const next = await page.getByLabel('secret', { exact: true }).textContent();
    assert.match(next, /^whsec_/);
    assert.notEqual(next, secret);
    await button('I have stored it').click();
    await button('Delete').click();
    await page.getByLabel('To confirm, type bot', { exact: true }).fill('bot');
    await page.keyboard.press('Enter');
    await page.getByText('There is no webhook', { exact: true }).waitFor();
  });

  await t.test('makes an access key for a reader, which works until it is deleted', async () => {
    await go('#/credentials/new');
    await heading('Create an access key');
    await page.getByLabel('Name', { exact: true }).fill('reader');
    await page.getByLabel('Policy', { exact: true }).fill('{"Version":');
    await page.getByText('This is not JSON').waitFor();
    await button('Start from').click();
    await page.getByRole('menuitem', { name: 'A person who only reads', exact: true }).click();
    await accessible('the form of an access key');
    await button('Create').click();
    const part = (label) => page.getByLabel(label, { exact: true }).textContent();
    const [accessKeyId, secretAccessKey] = [await part('access key id'), await part('secret access key')];
    const reader = new IvschatClient({ credentials: { accessKeyId, secretAccessKey } });
    assert.equal((await reader.send(new ListRoomsCommand({ name: 'stage' }))).rooms.length, 1);
    await button('I have stored it').click();
    await page.getByRole('row', { name: new RegExp(accessKeyId) }).waitFor();
    await accessible('credentials');
    await page.getByRole('radio', { name: 'Select reader', exact: true }).check({ force: true });
    await button('Delete').click();
    await page.getByLabel('To confirm, type reader', { exact: true }).fill('reader');
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: new RegExp(accessKeyId) }).waitFor({ state: 'detached' });
    for (;;) {
      const answer = await reader.send(new ListRoomsCommand({})).catch((error) => error.name);
      if (answer === 'UnrecognizedClientException') break;
    }
  });
  check();
});
