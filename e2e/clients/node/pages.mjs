// Pages in headless Chromium with the official chat client: page.js is what they can do.
import { createServer } from 'node:http';
import { build } from 'esbuild';
import { launch } from './chromium.mjs';
import { tokenFor, url } from './support.mjs';

let browser;
let site;

// start starts the browser and the site of the pages.
export async function start() {
  const bundle = await build({ entryPoints: ['page.js'], bundle: true, format: 'iife', write: false, absWorkingDir: import.meta.dirname });
  site = createServer((request, response) => {
    const script = request.url === '/page.js';
    response.writeHead(200, { 'Content-Type': script ? 'text/javascript' : 'text/html' });
    response.end(script ? bundle.outputFiles[0].contents : '<!doctype html><link rel="icon" href="data:,"><script src="/page.js"></script>');
  });
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  browser = await launch();
}

export async function stop() {
  await browser?.close();
  site?.close();
}

// closePages closes all pages: an open one costs a process.
export async function closePages() {
  await Promise.all(browser.contexts().map((c) => c.close()));
}

// open opens a page whose tokens come from the provider.
export async function open(provider = () => ({ token: 'none' })) {
  const page = await (await browser.newContext()).newPage();
  await page.exposeFunction('token', provider);
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  return page;
}

// join opens a page that is connected to the room.
export async function join(room, userId, members) {
  const page = await open(() => tokenFor(room, userId, members));
  await page.evaluate((u) => globalThis.connect(u), url);
  await next(page, 'connect');
  return page;
}

// next waits for an event of the name and takes it.
export async function next(page, name) {
  await page.waitForFunction((n) => globalThis.seen.some((e) => e[0] === n), name, { timeout: 20_000 });
  return page.evaluate((n) => globalThis.seen.splice(globalThis.seen.findIndex((e) => e[0] === n), 1)[0][1], name);
}

export const request = (page, ...args) => page.evaluate((a) => globalThis.request(...a), args);

export const state = (page) => page.evaluate(() => globalThis.state());
