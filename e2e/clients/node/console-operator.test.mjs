// An operator at the console: logging configurations and their test records, rooms' settings,
// tokens, code, policies, and how many people were in a room.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import { CreateLoggingConfigurationCommand, GetRoomCommand, ListLoggingConfigurationsCommand, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { heading as title, launch, open, signIn, violations } from './console.mjs';
import { api, join, newRoom } from './support.mjs';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test('an operator', async (t) => {
  const { page, check, expect } = await open(browser, `${url}#/logging`);
  const go = (hash) => page.evaluate((h) => { location.hash = h; }, hash);
  const heading = (name) => title(page, name);
  const accessible = async (what) => assert.deepEqual(await violations(page), [], what);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = page.getByRole('dialog');
  const noRoomIsLeft = async () => assert.deepEqual((await api.send(new ListRoomsCommand({}))).rooms, [], 'temporary rooms that are left');
  const select = (name) => page.getByRole('radio', { name: `Select ${name}`, exact: true }).check({ force: true });
  await api.send(new CreateLoggingConfigurationCommand({ name: 'archive', destinationConfiguration: { s3: { bucketName: 'chat-archive' } } }));
  await api.send(new CreateLoggingConfigurationCommand({ name: 'broken', destinationConfiguration: { cloudWatchLogs: { logGroupName: 'chat-group' } } }));
  await signIn(page);

  await t.test('sends a test record, and sees that it is delivered', async () => {
    await heading('Logging configurations');
    await select('archive');
    await button('Send a test record').click();
    await dialog.getByText('The record is on its way', { exact: true }).waitFor();
    await accessible('a test record');
    const prefix = await dialog.getByLabel('where the record is', { exact: true }).textContent();
    assert.match(prefix, /^AWSLogs\/\d{12}\/IVSChatLogs\/1\.0\/[^/]+\/room_\w+\/\d{4}\/\d\d\/\d\d\/\d\d\/$/);
    await noRoomIsLeft();
    await dialog.getByText('The record is delivered', { exact: true }).waitFor();
    assert.equal(readdirSync(path(process.env.DATA_DIR, 'chat-logs/s3/chat-archive', prefix)).length, 1);
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
  });

  await t.test('sees that a destination fails', async () => {
    await select('broken');
    await button('Send a test record').click();
    await dialog.getByText('The delivery fails', { exact: true }).waitFor();
    await dialog.getByText(/confab logging check arn:aws:ivschat/).waitFor();
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await noRoomIsLeft();
  });

  await t.test('is told when errors of a configuration are not counted', async () => {
    const many = Array.from({ length: 64 }, (_, i) => ({ name: 'confab_log_destination_errors_total', labels: { logging_configuration: `other-${i}` }, startTime: new Date().toISOString(), periodInSeconds: 10, values: [1] }));
    await page.route('**/GetMetrics', (route) => route.fulfill({ json: { series: many } }));
    await select('archive');
    await button('Send a test record').click();
    await dialog.getByText('The server counts the errors of 64 logging configurations, and this is not one of them.').waitFor();
    await accessible('a record that is not counted');
    await page.unroute('**/GetMetrics');
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await noRoomIsLeft();
  });

  await t.test('finds the last of more configurations than one page of the API has', async () => {
    const of = (i) => ({ arn: `arn:aws:ivschat:us-west-2:123456789012:logging-configuration/many${i}`, id: `many${i}`, name: `many-${i}`, state: 'ACTIVE', destinationConfiguration: { s3: { bucketName: 'b' } }, tags: {} });
    await page.route('**/ListLoggingConfigurations', (route) => {
      const second = !!JSON.parse(route.request().postData()).nextToken;
      const loggingConfigurations = Array.from({ length: second ? 30 : 50 }, (_, i) => of(second ? 50 + i : i));
      return route.fulfill({ json: { loggingConfigurations, nextToken: second ? undefined : 'more' } });
    });
    await button('Refresh').click();
    await page.getByText('(80)', { exact: true }).waitFor();
    await page.getByLabel('Find a logging configuration', { exact: true }).fill('many-79');
    await page.keyboard.press('Enter');
    await select('many-79');
    assert.ok(await button('Send a test record').isEnabled());
    await page.unroute('**/ListLoggingConfigurations');
    await button('Refresh').click();
    await page.getByText('(2)', { exact: true }).waitFor();
    await button('Clear filters').first().click();
  });

  await t.test('keeps no room when the event is refused', async () => {
    expect(/status of 40[03]/); // What the server refuses is in the browser's console.
    await page.route('**/SendEvent', (route) => route.fulfill({ status: 403, headers: { 'x-amzn-errortype': 'AccessDeniedException' }, json: { Message: 'no events today' } }));
    await select('archive');
    await button('Send a test record').click();
    await dialog.getByText('no events today').waitFor();
    await page.unroute('**/SendEvent');
    await noRoomIsLeft();
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
  });

  await t.test('renames a logging configuration, and deletes one', async () => {
    await page.getByRole('link', { name: 'archive', exact: true }).click();
    await heading('Edit archive');
    await accessible('the form of a logging configuration');
    await page.getByLabel('Name', { exact: true }).fill('attic');
    await button('Save').click();
    await page.getByRole('link', { name: 'attic', exact: true }).waitFor();
    await select('broken');
    await button('Delete').click();
    await page.getByLabel('To confirm, type broken', { exact: true }).fill('broken');
    await page.keyboard.press('Enter');
    await page.getByText('The logging configuration broken was deleted', { exact: true }).waitFor();
    const { loggingConfigurations } = await api.send(new ListLoggingConfigurationsCommand({}));
    assert.deepEqual(loggingConfigurations.map((c) => c.name), ['attic']);
  });

  const arn = await newRoom({ name: 'stage' });
  const id = arn.split('/').pop();
  await t.test('sets the tags of a room by their controls', async () => {
    await go(`#/rooms/${id}/edit`);
    await heading('Edit stage');
    await page.getByLabel('Slow mode', { exact: true }).fill('10s');
    await page.getByLabel('Catch-up', { exact: true }).fill('1m');
    await page.getByLabel('Who may send links', { exact: true }).click();
    await page.getByRole('option', { name: 'staff', exact: true }).click();
    await page.getByLabel('Ban on disconnect', { exact: true }).fill('soon');
    await button('Save').click();
    await page.getByText('confab:disconnect-ban').first().waitFor(); // The server says what is allowed.
    await page.getByLabel('Ban on disconnect', { exact: true }).fill('');
    await button('Save').click();
    await heading('stage');
    const { tags } = await api.send(new GetRoomCommand({ identifier: arn }));
    assert.deepEqual(tags, { 'confab:slow-mode': '10s', 'confab:catch-up': '1m', 'confab:links': 'staff' });
  });

  await t.test('sees how many people are and were in a room', async () => {
    const ann = await join(arn, 'ann');
    await page.getByRole('tab', { name: 'Viewers', exact: true }).click();
    await page.getByText(/^Seen since/).waitFor();
    await page.getByText(/^[12] at /).waitFor();
    await accessible('viewers');
    // Two hours pass: what was seen is in the browser's storage.
    const keys = await page.evaluate(() => {
      const mine = Object.keys(localStorage).filter((k) => k.startsWith('confab-viewers '));
      for (const k of mine) {
        const now = JSON.parse(localStorage[k]);
        localStorage[k] = JSON.stringify([[now[0][0] - 120 * 60_000, 7], [now[0][0] - 119 * 60_000, 4], ...now]);
      }
      return mine.length;
    });
    assert.ok(keys >= 1);
    await go('#/rooms');
    await heading('Rooms');
    await go(`#/rooms/${id}`);
    await page.getByRole('tab', { name: 'Viewers', exact: true }).click();
    await page.getByText(/^[12] at /).waitFor();
    await button('6 hours').click();
    await page.getByText(/^7 at /).waitFor();
    ann.room.disconnect();
  });

  await t.test('opens a chat as a user, in a window that has no access key', async () => {
    await go('#/tokens');
    await heading('Chat tokens');
    await page.getByLabel('User ID', { exact: true }).fill('gül');
    await button('Attributes').click();
    await button('Add an attribute').click();
    await page.getByRole('textbox', { name: 'Key', exact: true }).fill('name');
    await page.getByRole('textbox', { name: 'Value', exact: true }).fill('Gül');
    const [popup] = await Promise.all([page.context().waitForEvent('page'), button('Chat as gül').click()]);
    const complaints = [];
    popup.on('pageerror', (error) => complaints.push(String(error)));
    await popup.getByText('Connected', { exact: true }).waitFor();
    const bob = await join(arn, 'bob');
    await popup.getByLabel('Message', { exact: true }).fill('Good evening');
    await popup.keyboard.press('Enter');
    await bob.next('message', (m) => m.content === 'Good evening' && m.sender.userId === 'gül' && m.sender.attributes.name === 'Gül');
    await bob.room.sendMessage(new SendMessageRequest('<b>Welcome</b>'));
    await popup.getByRole('log', { name: 'Messages', exact: true }).getByText('<b>Welcome</b>', { exact: true }).waitFor();
    assert.deepEqual(await violations(popup), []);
    assert.deepEqual(complaints, []);
    assert.equal(await popup.evaluate(() => Object.keys(sessionStorage).length), 0);
    await popup.close();
    bob.room.disconnect();
  });

  await t.test('copies code for a token, and for each tool', async () => {
    await page.getByRole('tab', { name: 'Python', exact: true }).click();
    await page.getByText('userId="gül", capabilities=["SEND_MESSAGE"],').waitFor();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await button('Create a token').click();
    await button('Copy the token').click();
    await page.getByText('Copied', { exact: true }).waitFor();
    const token = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(token, await page.getByLabel('the token', { exact: true }).textContent());
    assert.ok(token.length > 100, token);
    await go('#/quick-start');
    await heading('Quick start');
    for (const tool of ['AWS CLI', 'Browser', 'JavaScript', 'Python', 'Go', 'Terraform', 'Android', 'iOS']) {
      await page.getByRole('tab', { name: tool, exact: true }).click();
      const code = await page.getByLabel(`code for ${tool}`, { exact: true }).textContent();
      assert.ok(code.includes(new URL(url).host) || tool === 'iOS', `${tool} has not the address of this server`);
      assert.ok(!code.includes(process.env.AWS_SECRET_ACCESS_KEY), `${tool} shows the secret`);
    }
    await accessible('quick start');
  });

  await t.test('is told what is wrong with a policy', async () => {
    await go('#/credentials/new');
    await heading('Create an access key');
    const policy = (statement) => page.getByLabel('Policy', { exact: true }).fill(JSON.stringify({ Version: '2012-10-17', Statement: statement }));
    await policy({ Effect: 'Alow', Action: '*', Resource: '*' });
    await page.getByText('Statement 1: the Effect is "Allow" or "Deny".').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('bot');
    assert.ok(await button('Create').isDisabled());
    await policy([{ Effect: 'Allow', Action: ['ivschat:GetRoom', 'ivschat:GetRom', 'confab:*Ban'], Resource: '*' }]);
    await page.getByText('Statement 1: the server has no action ivschat:GetRom.').waitFor();
    assert.ok(await button('Create').isEnabled());
    await accessible('a policy with a warning');
  });

  await t.test('finds every type of event for a webhook', async () => {
    await go('#/webhooks/new');
    await heading('Create a webhook');
    await page.getByLabel('Events', { exact: true }).click();
    for (const name of ['message.sent', 'user.joined', 'user.left', 'presence.reset']) await page.getByRole('option', { name }).waitFor();
    assert.equal(await page.getByRole('option').count(), 12);
  });
  check();
});
