// What the tests of the console share: pages that fail on everything that a browser
// complains about.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { launch } from './chromium.mjs';

const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

export { launch };

// How long a test waits for what has to come: a slow machine is no fault of the page.
export const patience = 180_000;

// open opens a page of the console. check fails on errors in the browser's console,
// violations of the Content-Security-Policy, and requests to others.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const complaints = [];
  const expected = [];
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && complaints.push(m.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  const origin = new URL(url).origin;
  page.on('request', (request) => {
    const from = request.url();
    if (!from.startsWith('data:') && !from.startsWith('blob:') && new URL(from).origin !== origin) complaints.push(`a request to ${from}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(url).host) complaints.push(`a WebSocket to ${socket.url()}`);
  });
  await page.goto(url);
  return {
    page,
    // expect allows complaints that a test causes.
    expect: (pattern) => expected.push(pattern),
    check: () => assert.deepEqual(complaints.filter((c) => !expected.some((p) => p.test(c))), []),
  };
}

// signIn fills in the form that a server without --dev shows first.
export async function signIn(page, id = process.env.AWS_ACCESS_KEY_ID, secret = process.env.AWS_SECRET_ACCESS_KEY) {
  await page.getByLabel('Access key ID', { exact: true }).fill(id);
  await page.getByLabel('Secret access key', { exact: true }).fill(secret);
  await page.keyboard.press('Enter');
}

// heading waits for a page by its whole title, which a count may follow, or by a pattern. A part
// of a title is not enough: "stage" is not "Edit stage".
export function heading(page, name) {
  const title = name instanceof RegExp ? name : new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}( \\(.*\\))?$`);
  return page.getByRole('heading', { level: 1, name: title }).waitFor();
}

// violations returns what axe finds on the page as it is, when parts that fade in have their
// colors. axe is evaluated by the
// browser's debugger, which the policy does not bind.
export async function violations(page) {
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime < Infinity).map((a) => a.finished.catch(() => undefined))));
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  // Cloudscape's own bar of a phone has aria-hidden and a label.
  const known = (node) => node.target.join(' ').includes('awsui_mobile-toolbar-nav');
  return found.violations.map((v) => ({ ...v, nodes: v.nodes.filter((n) => !known(n)) })).filter((v) => v.nodes.length > 0).map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}
