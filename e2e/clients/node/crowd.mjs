// Many official clients in one room, led line by line by a test in Go.
// Arguments: the ARN of the room and the number of clients. Lines in:
//   say <text>    every client sends the text
// Lines out: one JSON object per event.
// TOKEN_WITHIN is after how many milliseconds the application's backend gives up on a
// token, which ends the client for good; without it, it waits.
import { createInterface } from 'node:readline';
import { SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { Client, tokenFor } from './support.mjs';

const [room, count] = [process.argv[2], Number(process.argv[3])];

function print(object) {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}

const within = Number(process.env.TOKEN_WITHIN);

async function token(user) {
  if (!within) return tokenFor(room, user);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no token within ${within} ms`)), within);
  });
  try {
    return await Promise.race([tokenFor(room, user), late]);
  } finally {
    clearTimeout(timer);
  }
}

const clients = Array.from({ length: count }, (_, i) => {
  const c = new Client(() => token(`user-${i}`));
  for (const name of ['connecting', 'connect']) c.room.addListener(name, () => print({ client: i, event: name }));
  c.room.addListener('disconnect', (reason) => print({ client: i, event: 'disconnect', text: reason }));
  c.room.addListener('message', (m) => print({ client: i, event: 'message', text: `${m.sender.userId} ${m.content}` }));
  return c;
});
for (const c of clients) c.room.connect();

createInterface({ input: process.stdin }).on('line', (line) => {
  const text = line.slice('say '.length);
  clients.forEach((c, i) => {
    try {
      c.room.sendMessage(new SendMessageRequest(text)).catch((e) => print({ client: i, event: 'refused', text: JSON.stringify(e) }));
    } catch (e) {
      print({ client: i, event: 'refused', text: String(e) });
    }
  });
});
