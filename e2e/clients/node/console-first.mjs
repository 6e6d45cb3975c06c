// Opens a server that has just started, and waits until Ann and Bob have written to each other.
import { launch } from './chromium.mjs';

const { CONSOLE_URL, BEGAN } = process.env;
const most = 10_000;

const browser = await launch();
const page = await browser.newPage();
await page.goto(CONSOLE_URL);
for (const name of ['Ann', 'Bob']) {
  const log = page.getByRole('log', { name: `Messages that ${name} sees`, exact: true });
  await log.getByText('Hi Ann! I see your messages at once.', { exact: true }).waitFor();
}
const took = Date.now() - Number(BEGAN);
await browser.close();
console.log(`until two people have chatted, from the start of the server: ${took} ms`);
if (took > most) {
  console.error(`that is more than ${most} ms`);
  process.exitCode = 1;
}
