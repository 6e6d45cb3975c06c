// The code of the quick start runs as it stands there: each tab's text is written to a file and
// run with the tool that it is for. Terraform's provider, Android and iOS are on no machine of
// tests: there each name in the code is compared with what the documents have.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { heading, launch, open, signIn } from './console.mjs';
import { kotlin, swift, terraform } from './sdk-names.mjs';
import { Client, join, newRoom } from './support.mjs';

const url = `${process.env.AWS_ENDPOINT_URL_IVSCHAT}/_confab/console/`;
const run = promisify(execFile);
// A user ID with what languages and shells give a meaning.
const user = `zoë's "friend" $HOME \\ #{1}`;
let browser, folder, room, watcher;
const code = {};

before(async () => {
  browser = await launch();
  folder = mkdtempSync(path(tmpdir(), 'quick-start-'));
  symlinkSync(path(import.meta.dirname, 'node_modules'), path(folder, 'node_modules'));
  room = await newRoom({ name: 'quick' });
  watcher = await join(room, 'watcher');
  const { page, check } = await open(browser, `${url}#/quick-start`);
  await signIn(page);
  await heading(page, 'Quick start');
  await page.getByRole('button', { name: /^Room quick/ }).waitFor();
  await page.getByLabel('User ID', { exact: true }).fill(user);
  await page.getByRole('checkbox').click({ force: true });
  for (const tool of ['AWS CLI', 'Browser', 'JavaScript', 'Python', 'Go', 'Terraform', 'Android', 'iOS']) {
    await page.getByRole('tab', { name: tool, exact: true }).click();
    code[tool] = await page.getByLabel(`code for ${tool}`, { exact: true }).textContent();
  }
  check();
});
after(async () => {
  watcher?.room.disconnect();
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true });
});

// bare is an environment without what the code has to bring: the endpoint, the region, and keys.
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^AWS_(ENDPOINT|REGION|DEFAULT_REGION|ACCESS|SECRET)/.test(name)));

// write puts the code into a file, with changes that a place asks for; each must be there.
function write(name, text, changes = []) {
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `the code has no ${from}`);
    text = text.replace(from, () => to);
  }
  writeFileSync(path(folder, name), text);
  return path(folder, name);
}

// enters checks that a token lets the user in.
async function enters(token) {
  const client = new Client(async () => ({ token }));
  await client.connect();
  await client.room.sendMessage(new SendMessageRequest('Good evening'));
  await watcher.next('message', (m) => m.sender.userId === user && m.content === 'Good evening');
  client.room.disconnect();
}

test('AWS CLI', async () => {
  const { stdout } = await run('bash', ['-eu', write('cli.sh', code['AWS CLI'])], { env: { ...bare, AWS_PAGER: '' } });
  const [token] = stdout.match(/"token": "([^"]+)"/).slice(1);
  await watcher.next('event', (e) => e.eventName === 'app:notice' && e.attributes.text === 'soon');
  await enters(token);
});

test('Python', async () => {
  const { stdout } = await run('python3', [write('chat_token.py', `${code.Python}print(token)\n`)], { env: bare });
  await enters(stdout.trim());
});

test('Go', async () => {
  // It is built in this module, which has the AWS SDK.
  const { stdout } = await run('go', ['run', write('main.go', code.Go)], { env: bare, cwd: path(import.meta.dirname, '../../..') });
  await enters(stdout.trim());
});

test('a backend in JavaScript, and what a page in a browser does', async (t) => {
  const port = await new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
  const backend = spawn('node', [write('backend.mjs', code.JavaScript, [['.listen(3000);', `.listen(${port}, '127.0.0.1', () => console.log('ready'));`]])], { env: bare, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => backend.kill());
  await new Promise((resolve, reject) => {
    backend.stdout.once('data', resolve);
    backend.once('exit', (status) => reject(new Error(`the backend ended with ${status}`)));
  });
  const token = (await (await fetch(`http://127.0.0.1:${port}/token`)).json()).token;
  await enters(token);

  // In Node, with what a browser brings: WebSocket, and the page's own address.
  const browserLike = `import { WebSocket } from 'ws';
globalThis.WebSocket = WebSocket;
const call = fetch;
globalThis.fetch = (path) => call(new URL(path, 'http://127.0.0.1:${port}'));
await import('./page.mjs');
`;
  write('page.mjs', code.Browser);
  const page = spawn('node', [write('browser.mjs', browserLike)], { env: bare, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => page.kill());
  await watcher.next('message', (m) => m.sender.userId === user && m.content === 'Hello');
});

// argumentsOf reads the small part of Terraform's language that the code uses: blocks, and one
// argument a line.
function argumentsOf(text) {
  const found = {};
  const way = [];
  for (const line of text.split('\n').map((l) => l.trim()).filter((l) => l && !l.startsWith('#'))) {
    const block = /^(\w+)((?: "\w+")*) (= )?\{$/.exec(line);
    const argument = /^(\w+) += (.+)$/.exec(line);
    if (block) way.push([block[1], ...(block[2].match(/\w+/g) ?? [])].join(' '));
    else if (line === '}') assert.ok(way.pop(), 'a brace too many');
    else {
      assert.ok(argument, `no block and no argument: ${line}`);
      found[[...way, argument[1]].join('/')] = argument[2];
    }
  }
  assert.deepEqual(way, [], 'blocks that do not end');
  return found;
}

test('Terraform has arguments that the provider knows', () => {
  const found = argumentsOf(code.Terraform);
  assert.deepEqual(Object.keys(found), Object.keys(terraform));
  for (const [way, value] of Object.entries(found)) assert.match(value, terraform[way], way);
  assert.equal(JSON.parse(found['provider aws/endpoints/ivschat']), process.env.AWS_ENDPOINT_URL_IVSCHAT);
  assert.deepEqual([found['provider aws/region'], found['provider aws/access_key']], [process.env.AWS_REGION, process.env.AWS_ACCESS_KEY_ID].map((v) => JSON.stringify(v)));
});

// matches returns the first groups of all matches in a code.
const matches = (text, pattern) => [...text.matchAll(pattern)].map((m) => m[1]);

// checkNames compares the names of a code with those that an SDK has.
function checkNames(text, { imports, constructors, members }, label, others) {
  for (const name of matches(text, /^import (\S+)$/gm)) assert.ok(imports.has(name) || others.includes(name), `there is no ${name}`);
  for (const [name, labels] of Object.entries(constructors)) {
    const calls = matches(text, new RegExp(`\\b${name}\\(([^()]*(?:\\([^()]*\\)[^()]*)*)\\)`, 'g')).filter((inner) => inner && !/^_? ?room:/.test(inner));
    assert.ok(calls.length > 0, `${name} is not called`);
    for (const used of calls.flatMap((inner) => matches(inner, label))) assert.ok([...labels, ...Object.values(constructors).flat()].includes(used), `${name} has no ${used}`);
  }
  for (const [object, names] of Object.entries(members)) {
    const used = matches(text, new RegExp(`\\b${object}\\.(\\w+)`, 'g'));
    assert.ok(used.length > 0, `${object} is not used`);
    for (const name of used) assert.ok(names.includes(name), `${object} has no ${name}`);
  }
  for (const [open, close] of ['()', '{}', '[]']) assert.equal(text.split(open).length, text.split(close).length, `${open} and ${close}`);
  const asked = new URL(/"(https:\/\/[^"]+)"/.exec(text)[1]);
  assert.equal(asked.searchParams.get('user'), user);
}

test('Android has names that the SDK knows, and all methods of a listener', () => {
  const text = code.Android.replace(/^\/\/.*$/gm, '');
  checkNames(text, kotlin, /(\w+) = /g, ['java.net.URL', 'kotlin.concurrent.thread', 'org.json.JSONObject']);
  const overridden = Object.fromEntries([...text.matchAll(/override fun (\w+)\(([^)]*)\)/g)].map((m) => m.slice(1)));
  assert.deepEqual(overridden, kotlin.listener);
  const imported = matches(text, /^import .*\.(\w+)$/gm);
  for (const name of new Set(matches(text, /\b([A-Z]\w+)\b(?=[(?)\s,])/g))) assert.ok(imported.includes(name) || name === 'Exception' || text.includes(`"${name}`), `${name} is not imported`);
  assert.equal(/regionOrUrl = "([^"]+)"/.exec(text)[1], process.env.CHAT_URL);
});

test('iOS has names that the SDK knows', () => {
  const text = code.iOS.replace(/^ *\/\/.*$/gm, '');
  checkNames(text, swift, /(\w+): /g, []);
  for (const inner of matches(text, /func room\(([^)]*)\)/g)) assert.ok(swift.delegate.includes(inner), `the delegate has no room(${inner})`);
  assert.match(text, /dateDecodingStrategy = \.preciseISO8601/);
  assert.equal(/awsRegion: "([^"]+)"/.exec(text)[1], process.env.AWS_REGION);
});
