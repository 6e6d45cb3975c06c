// What the pages of pages.mjs can do: the official chat client and the
// AWS SDK, bundled for the browser, behind names that a test can call.
import * as ivschat from '@aws-sdk/client-ivschat';
import { ChatRoom, DeleteMessageRequest, DisconnectUserRequest, SendMessageRequest } from 'amazon-ivs-chat-messaging';

const requests = { sendMessage: SendMessageRequest, deleteMessage: DeleteMessageRequest, disconnectUser: DisconnectUserRequest };
let room;
let tokens = 0;

globalThis.seen = []; // [name, value] of every event of the room

// connect joins with the tokens of the function "token", which the test exposes.
globalThis.connect = (url) => {
  room = new ChatRoom({ regionOrUrl: url, tokenProvider: () => globalThis.token((tokens += 1)) });
  room.logLevel = 'error';
  for (const name of ['connecting', 'connect', 'disconnect', 'message', 'event', 'messageDelete', 'userDisconnect']) {
    room.addListener(name, (value) => globalThis.seen.push([name, value]));
  }
  room.connect();
};

// request does a request of the room and returns its answer, or its refusal.
globalThis.request = async (kind, ...args) => {
  try {
    return await room[kind](new requests[kind](...args));
  } catch (error) {
    return { refused: error.errorCode ?? String(error), text: error.errorMessage };
  }
};

globalThis.state = () => ({ state: room.state, tokens });

// api does an operation of the AWS SDK from the page.
globalThis.api = async (config, operation, members) => {
  try {
    const { $metadata, ...output } = await new ivschat.IvschatClient(config).send(new ivschat[`${operation}Command`](members));
    return { requestId: $metadata.requestId, ...output };
  } catch (error) {
    return { error: error.name, message: error.message, requestId: error.$metadata?.requestId, reason: error.reason };
  }
};
