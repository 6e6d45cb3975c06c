// The first minute with "confab serve --dev": its page, without any step before it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, violations } from './console.mjs';

const url = process.env.CONSOLE_URL;
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const sees = (page, name) => page.getByRole('log', { name: `Messages that ${name} sees`, exact: true });

test('two people chat', async (t) => {
  const { page, check } = await open(browser, url);
  const [ann, bob] = [sees(page, 'Ann'), sees(page, 'Bob')];

  await t.test('at once', async () => {
    for (const who of [ann, bob]) {
      await who.getByText('Hi Bob! This is the demo room. 👋', { exact: true }).waitFor();
      await who.getByText('Hi Ann! I see your messages at once.', { exact: true }).waitFor();
    }
    assert.deepEqual(await violations(page), []);
  });

  await t.test('and see what the other writes, as text', async () => {
    const nasty = '<img src=x onerror=alert(1)> \u202etxet &amp; 👩‍👩‍👧';
    const line = page.getByLabel('Message as Bob', { exact: true });
    await line.fill(nasty);
    await page.keyboard.press('Enter');
    await ann.getByText(nasty).waitFor();
    await bob.getByText(nasty).waitFor();
    assert.equal(await page.locator('.message img').count(), 0);
    assert.equal(await line.inputValue(), '');
  });

  await t.test('and delete a message by keyboard alone', async () => {
    await ann.focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Delete');
    for (const who of [ann, bob]) await who.locator('.message.deleted').last().waitFor();
  });

  await t.test('and keep what is refused in its line', async () => {
    const line = page.getByLabel('Message as Ann', { exact: true });
    const long = 'w'.repeat(10_000);
    await line.fill(long);
    await page.keyboard.press('Enter');
    await page.locator('.composer-error').filter({ hasText: /\w/ }).waitFor();
    assert.equal(await line.inputValue(), long);
  });

  await t.test('above the code with the address of this server', async () => {
    await page.getByRole('tab', { name: 'AWS CLI', exact: true }).click();
    await page.getByText(`export AWS_ENDPOINT_URL_IVSCHAT=${new URL(url).origin}`).waitFor();
  });
  check();
});

test('a browser that opens the server is led there, in the dark and on a phone', async () => {
  const { page, check } = await open(browser, new URL('/', url).href, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  assert.equal(new URL(page.url()).pathname, '/_confab/console/');
  await sees(page, 'Bob').getByText('Hi Ann!').waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than the screen');
  assert.deepEqual(await violations(page), []);
  check();
});
