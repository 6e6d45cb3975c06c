// What the tests with the official clients share. The endpoint comes from the
// environment, as in any application: AWS_ENDPOINT_URL_IVSCHAT for the AWS SDK,
// CHAT_URL for the chat client.
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { CreateChatTokenCommand, CreateRoomCommand, IvschatClient, ListRoomsCommand } from '@aws-sdk/client-ivschat';
import { ChatRoom } from 'amazon-ivs-chat-messaging';
import { WebSocket } from 'ws';

globalThis.WebSocket = WebSocket; // The chat client expects a browser's.

export const url = process.env.CHAT_URL;
export const api = new IvschatClient({});
export const everything = ['SEND_MESSAGE', 'DELETE_MESSAGE', 'DISCONNECT_USER'];

export async function newRoom(members = {}) {
  return (await api.send(new CreateRoomCommand(members))).arn;
}

// tokenFor is an application's backend: it forwards what CreateChatToken returns.
export async function tokenFor(room, userId, members = {}) {
  const { token, tokenExpirationTime, sessionExpirationTime } = await api.send(
    new CreateChatTokenCommand({ roomIdentifier: room, userId, capabilities: everything, ...members }),
  );
  return { token, tokenExpirationTime, sessionExpirationTime };
}

// ours calls an operation of Confab with the signature of an access key: a request of the AWS SDK
// with another path and body. It returns what the server answered.
export async function ours(operation, members) {
  const client = new IvschatClient({});
  let answer;
  client.middlewareStack.add(
    (next) => (args) => {
      const body = JSON.stringify(members);
      Object.assign(args.request, { path: `/_confab/v1/${operation}`, body });
      args.request.headers['content-length'] = String(Buffer.byteLength(body));
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      if (result.response.statusCode !== 200) return result;
      answer = await json(result.response.body);
      result.response.body = Readable.from(['{}']);
      return result;
    },
    { step: 'deserialize', priority: 'low' },
  );
  await client.send(new ListRoomsCommand({}));
  return answer;
}

const names = ['connecting', 'connect', 'disconnect', 'message', 'event', 'messageDelete', 'userDisconnect'];

// Client is a ChatRoom whose events are kept, so that a test can wait for one.
export class Client {
  constructor(tokenProvider, options = {}) {
    this.tokens = 0;
    this.seen = [];
    this.waiting = [];
    this.room = new ChatRoom({
      regionOrUrl: url,
      tokenProvider: () => {
        this.tokens += 1;
        return tokenProvider(this.tokens);
      },
      ...options,
    });
    this.room.logger = { debug() {}, info() {}, error() {} };
    for (const name of names) {
      this.room.addListener(name, (value) => {
        this.seen.push({ name, value });
        this.waiting = this.waiting.filter((w) => !w());
      });
    }
  }

  // connect connects and resolves when the room says so.
  async connect() {
    this.room.connect();
    await this.next('connect');
    return this;
  }

  // next resolves with the value of the first event of the name, from now on or
  // kept, for which test is true, and forgets it.
  next(name, test = () => true, seconds = 20) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const i = this.seen.findIndex((e) => e.name === name && test(e.value));
        if (i < 0) return false;
        clearTimeout(timer);
        resolve(this.seen.splice(i, 1)[0].value);
        return true;
      };
      const timer = setTimeout(() => {
        this.waiting = this.waiting.filter((w) => w !== look);
        reject(new Error(`no ${name} within ${seconds} s; seen ${JSON.stringify(this.seen)}`));
      }, seconds * 1000);
      if (!look()) this.waiting.push(look);
    });
  }

  // has says whether an event of the name was seen and not yet taken.
  has(name) {
    return this.seen.some((e) => e.name === name);
  }
}

// join connects a user to the room.
export function join(room, userId, members = {}) {
  return new Client(() => tokenFor(room, userId, members)).connect();
}
