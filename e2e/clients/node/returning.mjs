// Official clients in a room in which clients catch up, while the test that started this
// stops and kills nodes: node returning.mjs VIEWERS [TAG=VALUE…]. It prints "ready", and at the
// end of its standard input what each viewer got, as JSON.
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { join, newRoom } from './support.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const tags = Object.fromEntries(process.argv.slice(3).map((tag) => tag.split('=')));
const arn = await newRoom({ maximumMessageRatePerSecond: 100, tags: { 'confab:catch-up': '1m', ...tags } });
const users = Array.from({ length: Number(process.argv[2]) }, (_, i) => `viewer-${i}`);
const viewers = await Promise.all(users.map((u) => join(arn, u)));
const talkers = await Promise.all([0, 1, 2, 3].map((i) => join(arn, `talker-${i}`)));
let over = false;
process.stdin.on('data', () => {}).on('end', () => { over = true; });
const accepted = [];
// A request that is lost with its connection is never answered.
const send = (t, content) => Promise.race([
  t.room.sendMessage(new SendMessageRequest(content)),
  pause(10_000).then(() => { throw new Error('no answer'); }),
]);
const talking = talkers.map(async (t, i) => {
  for (let n = 0; !over; n += 1) {
    try {
      const m = await send(t, `${i} ${n}`);
      accepted.push(m.id);
    } catch {} // It has no connection at the moment.
    await pause(120);
  }
});
console.log('ready');
await Promise.all(talking);
const last = await (async () => {
  for (;;) {
    try {
      return (await send(talkers[0], 'last')).id;
    } catch {
      await pause(200);
    }
  }
})();
for (let i = 0; i < 150; i += 1) {
  if (viewers.every((v) => v.seen.some((e) => e.value?.id === last))) break;
  await pause(100);
}
const result = JSON.stringify({
  accepted,
  viewers: viewers.map((v) => ({
    ids: v.seen.filter((e) => e.name === 'message').map((e) => e.value.id),
    gone: v.has('disconnect'),
    gaps: v.seen.filter((e) => e.name === 'event' && e.value.eventName === 'confab:GAP').map((e) => e.value.attributes),
  })),
});
// A pipe takes 64 KiB at once, and exit does not wait for the rest.
process.stdout.write(`${result}\n`, () => process.exit(0));
