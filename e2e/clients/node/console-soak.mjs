// A busy room stays open in two pages of the console: one follows the chat, one reads older
// messages. Their memory must not grow: the median of the last quarter is held against that
// of the second one.
import { readFile } from 'node:fs/promises';
import { launch, open, signIn } from './console.mjs';

const { CONSOLE_URL, ROOM, SECONDS } = process.env;
const samples = 60;
const grown = 1.1;

// watch opens the room in a browser of its own.
async function watch(name) {
  const browser = await launch();
  const { page } = await open(browser, `${CONSOLE_URL}/_confab/console/#/rooms/${ROOM}`);
  await signIn(page);
  const box = page.getByRole('log', { name: 'Messages', exact: true });
  await box.locator('.message').nth(5).waitFor();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  return { name, page, box, session, processes: await browser.newBrowserCDPSession(), all: [] };
}

// measure returns the memory that a page holds on to, in MB, that of its processes, and its elements.
async function measure({ session, processes }) {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const value = (name) => metrics.find((m) => m.name === name).value;
  const { processInfo } = await processes.send('SystemInfo.getProcessInfo');
  let resident = 0;
  for (const { id } of processInfo.filter((p) => p.type === 'renderer')) resident += Number((await readFile(`/proc/${id}/statm`, 'utf8')).split(' ')[1]) * 4096;
  return { heap: value('JSHeapUsedSize') / 1e6, resident: resident / 1e6, elements: value('Nodes'), listeners: value('JSEventListeners') };
}

const follower = await watch('follows');
const reader = await watch('reads');
await reader.box.evaluate((b) => {
  b.scrollTop = 0;
});
const more = reader.page.getByRole('button', { name: /^[0-9,]+ new messages$/ });
await more.waitFor();

// Each page tells of something new at every sample.
const newest = async (p) => (p === reader ? more : p.box.locator('.message').last()).innerText();
for (let i = 1; i <= samples; i++) {
  await new Promise((resolve) => setTimeout(resolve, (Number(SECONDS) * 1000) / samples));
  for (const p of [follower, reader]) {
    const now = await measure(p);
    p.all.push(now);
    const text = await newest(p);
    if (text === p.last) throw new Error(`the page that ${p.name} shows nothing new since: ${text}`);
    p.last = text;
    console.log(`${Math.round((Number(SECONDS) * i) / samples)} s, ${p.name}: ${now.heap.toFixed(1)} MB in use, ${now.resident.toFixed(0)} MB resident, ${now.elements} elements, ${now.listeners} listeners; ${text.replaceAll('\n', ' ')}`);
  }
}
for (const { page } of [follower, reader]) await page.context().browser().close();

const median = (some) => some.toSorted((a, b) => a - b)[Math.floor(some.length / 2)];
for (const { name, all } of [follower, reader]) {
  for (const what of ['heap', 'resident', 'elements', 'listeners']) {
    const [early, late] = [all.slice(samples / 4, samples / 2), all.slice((samples * 3) / 4)].map((some) => median(some.map((s) => s[what])));
    console.log(`${name}, ${what}: ${early.toFixed(1)}, then ${late.toFixed(1)}`);
    if (late > early * grown) {
      console.error(`${name}: ${what} has grown`);
      process.exitCode = 1;
    }
  }
}
