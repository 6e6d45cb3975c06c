// The backend of a chat application: it serves the page and issues chat tokens.
// Nothing in it knows where IVS Chat runs. The AWS SDK reads region, credentials
// and, for a chat of your own, AWS_ENDPOINT_URL_IVSCHAT from the environment.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { CreateChatTokenCommand, CreateRoomCommand, IvschatClient, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { build } from 'esbuild';

const chat = new IvschatClient({});
const port = Number(process.env.PORT || 3000);
const roomName = process.env.ROOM || 'demo';

// The page connects to the region's messaging endpoint, or to the same host as
// the endpoint that the SDK was given.
const endpoint = process.env.AWS_ENDPOINT_URL_IVSCHAT;
const regionOrUrl = process.env.CHAT_URL || (endpoint ? endpoint.replace(/^http/, 'ws') : await chat.config.region());

// The room is found by its name, or made.
const { rooms } = await chat.send(new ListRoomsCommand({ name: roomName, maxResults: 1 }));
const room = rooms[0] ?? (await chat.send(new CreateRoomCommand({ name: roomName })));

// issueToken is where an application decides who somebody is and what they may
// do. This one believes any name and lets everybody moderate.
async function issueToken({ name }) {
  const { token, tokenExpirationTime, sessionExpirationTime } = await chat.send(
    new CreateChatTokenCommand({
      roomIdentifier: room.arn,
      userId: name,
      capabilities: ['SEND_MESSAGE', 'DELETE_MESSAGE'],
      attributes: { colour: `hsl(${[...name].reduce((n, c) => (n * 31 + c.codePointAt(0)) % 360, 7)} 60% 40%)` },
    }),
  );
  return { token, tokenExpirationTime, sessionExpirationTime };
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

const bundle = await build({ entryPoints: ['app.js'], bundle: true, format: 'esm', write: false, absWorkingDir: import.meta.dirname });
const files = {
  '/': ['text/html; charset=utf-8', await readFile(new URL('index.html', import.meta.url))],
  '/app.js': ['text/javascript; charset=utf-8', bundle.outputFiles[0].contents],
  '/config.json': ['application/json', JSON.stringify({ regionOrUrl })],
};

const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST' && request.url === '/token') {
      const token = await issueToken(await body(request));
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(token));
      return;
    }
    const [type, content] = files[request.url] ?? [];
    response.writeHead(type ? 200 : 404, type ? { 'Content-Type': type } : {}).end(content);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(error.name);
  }
});

server.listen(port, '127.0.0.1', () => {
  console.log(`Open http://127.0.0.1:${server.address().port} in two windows. Chat: ${regionOrUrl}`);
});
