// A busy room stays open in a page of the console. Its memory must not grow: the median of
// the last quarter is held against that of the second one.
import { launch, open, signIn } from './console.mjs';

const { CONSOLE_URL, ROOM, SECONDS } = process.env;
const samples = 60;
const grown = 1.25;

const browser = await launch();
const { page } = await open(browser, `${CONSOLE_URL}/_confab/console/#/rooms/${ROOM}`);
await signIn(page);
await page.getByRole('log', { name: 'Messages' }).waitFor();
const debug = await page.context().newCDPSession(page);
await debug.send('Performance.enable');

// measure returns the memory that the page holds on to, in MB, and its elements.
async function measure() {
  await debug.send('HeapProfiler.collectGarbage');
  const { metrics } = await debug.send('Performance.getMetrics');
  const value = (name) => metrics.find((m) => m.name === name).value;
  return { megabytes: value('JSHeapUsedSize') / 1e6, elements: value('Nodes'), listeners: value('JSEventListeners') };
}

const messages = page.getByRole('log', { name: 'Messages' }).locator('.message');
const all = [];
let last = '';
for (let i = 1; i <= samples; i++) {
  await page.waitForTimeout((Number(SECONDS) * 1000) / samples);
  const now = await measure();
  all.push(now);
  const newest = await messages.last().innerText();
  if (newest === last) throw new Error(`no message has come since this one: ${newest}`);
  last = newest;
  console.log(`${Math.round((Number(SECONDS) * i) / samples)} s: ${now.megabytes.toFixed(1)} MB, ${now.elements} elements, ${now.listeners} listeners, ${await messages.count()} messages on the screen`);
}
await browser.close();

const median = (some) => some.toSorted((a, b) => a - b)[Math.floor(some.length / 2)];
for (const what of ['megabytes', 'elements', 'listeners']) {
  const [early, late] = [all.slice(samples / 4, samples / 2), all.slice((samples * 3) / 4)].map((some) => median(some.map((s) => s[what])));
  console.log(`${what}: ${early.toFixed(1)}, then ${late.toFixed(1)}`);
  if (late > early * grown) {
    console.error(`${what} have grown`);
    process.exitCode = 1;
  }
}
