// A room as the official client sees it, kept for a page that shows it.
import { CreateChatTokenCommand, type ChatTokenCapability } from '@aws-sdk/client-ivschat';
import { type ChatMessage, ChatRoom, type ChatToken, DeleteMessageRequest, DisconnectUserRequest, SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { chatUrl } from '../confab/page';
import { type Problem, passing, problem } from '../confab/problem';
import { has, session } from '../confab/session';
import { isolated } from '../parts/isolated';

export interface Item {
  key: string;
  kind: 'message' | 'event' | 'note';
  time: Date;
  /** The id of a message. */
  id?: string;
  userId?: string;
  text: string;
  attributes?: Record<string, string>;
  senderAttributes?: Record<string, string>;
  deleted?: { reason?: string };
}

export interface Snapshot {
  items: readonly Item[];
  /** How many items have ever come; items may have lost the oldest. */
  total: number;
  state: 'connecting' | 'connected' | 'disconnected';
  /** Why there is no connection, when the page does not try again by itself. */
  ended?: Problem;
  /** How often the server or a message told of people who came or left. */
  arrivals: number;
  /** The users seen, the latest first. */
  users: readonly string[];
}

export type TokenSource = () => Promise<ChatToken>;

/** Asks the API for tokens of a user. */
export function tokensOf(roomIdentifier: string, userId: string, capabilities: ChatTokenCapability[], attributes?: Record<string, string>): TokenSource {
  return async () => {
    const { token, tokenExpirationTime, sessionExpirationTime } = await session().ivschat.send(
      new CreateChatTokenCommand({ roomIdentifier, userId, capabilities, attributes, sessionDurationInMinutes: 180 }),
    );
    return { token: token!, tokenExpirationTime, sessionExpirationTime };
  };
}

/** Gives the chat token of a moderator, which connects once. */
export const staffToken: TokenSource = async () => {
  const staff = session().staff!;
  if (staff.used) throw Object.assign(new Error('A chat token connects once.'), { name: 'UsedToken' });
  staff.used = true;
  return { token: staff.token };
};

// namesOf reads the user ids of an event; undefined if it has none.
function namesOf({ UserIds, Count }: Record<string, string>): string | undefined {
  try {
    const ids: unknown = JSON.parse(UserIds);
    if (!Array.isArray(ids)) return undefined;
    const more = Number(Count) - ids.length;
    return ids.map((id) => isolated(String(id))).join(', ') + (more > 0 ? ` and ${more} more` : '');
  } catch {
    return undefined;
  }
}

/**
 * What an event of Confab's own says; empty if the page shows it elsewhere. Undefined if it is
 * another event: an application can use such a name, and a newer server can have more of them.
 */
function ownEvent(name: string, attributes: Record<string, string>): string | undefined {
  const names = namesOf(attributes);
  switch (name) {
    case 'confab:VIEWERS': return '';
    case 'confab:JOINED': return names && `${names} joined`;
    case 'confab:LEFT': return names && `${names} left`;
    case 'confab:GAP': return `${attributes.Missed ?? 'Some'} messages or events were missed`;
    default: return undefined;
  }
}

// The most items that a page keeps, and how many more before the oldest are dropped.
const most = 5000;
const slack = 500;
const answerTime = 12_000;
// How many of the latest messages the page asks for, of a room that keeps them.
const earlier = 100;

export class LiveRoom {
  private room?: ChatRoom;
  private items: Item[] = [];
  private total = 0;
  private users: string[] = [];
  private arrivals = 0;
  private known = new Set<string>();
  private listeners = new Set<() => void>();
  private snapshot: Snapshot = { items: [], total: 0, state: 'connecting', arrivals: 0, users: [] };
  private frame = 0;
  private timer?: ReturnType<typeof setTimeout>;
  private failure?: unknown;
  private ended?: Problem;
  private stopped = true;
  private tries = 0;
  /** How often it was connected. */
  private connections = 0;

  constructor(private readonly tokens: TokenSource, readonly userId: string) {}

  subscribe = (f: () => void) => {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  };

  get = () => this.snapshot;

  start() {
    this.stopped = false;
    this.ended = undefined;
    this.connect();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.room?.disconnect();
    this.room = undefined;
  }

  /** Tries again after an end. */
  retry = () => {
    this.stop();
    this.start();
    this.changed();
  };

  private connect() {
    this.failure = undefined;
    const room = new ChatRoom({
      regionOrUrl: has('ListMessages') ? `${chatUrl}/?history=${earlier}` : chatUrl,
      maxReconnectAttempts: 8,
      tokenProvider: async () => {
        try {
          return await this.tokens();
        } catch (error) {
          this.failure = error;
          throw error;
        }
      },
    });
    this.room = room;
    room.logger = { debug() {}, info() {}, error() {} };
    room.addListener('connecting', () => this.changed());
    room.addListener('connect', () => {
      this.tries = 0;
      if (this.connections > 0) this.add({ key: `connection ${this.connections}`, kind: 'note', time: new Date(), text: 'Connected again. Messages sent in between may be missing.' });
      this.connections += 1;
      this.changed();
    });
    room.addListener('disconnect', (reason) => this.lost(room, reason));
    room.addListener('message', (m) => {
      forget(room);
      this.add(messageItem(m));
    });
    room.addListener('event', (e) => {
      const { id: key, sendTime: time, eventName, attributes } = e;
      const said = ownEvent(eventName, attributes ?? {});
      if (said !== undefined) this.arrivals += 1;
      if (said === '') this.changed();
      else this.add({ key, kind: said ? 'note' : 'event', time, text: said ?? eventName, attributes: said ? undefined : attributes });
    });
    room.addListener('messageDelete', (e) => this.remove(e.messageId, e.reason));
    room.addListener('userDisconnect', (e) => {
      this.arrivals += 1;
      this.add({ key: e.id, kind: 'note', time: e.sendTime, userId: e.userId, text: `${isolated(e.userId)} was disconnected${e.reason ? `: ${isolated(e.reason)}` : ''}` });
      if (e.userId === this.userId) this.ended = { kind: 'denied', title: 'A moderator disconnected you', text: e.reason ?? '' };
    });
    room.connect();
  }

  // lost is called when the official client has given up.
  private lost(room: ChatRoom, reason: string) {
    if (this.stopped || room !== this.room) return;
    this.room = undefined;
    if (!this.ended && this.failure) {
      const p = problem(this.failure);
      if (!passing(p)) this.ended = p;
    }
    if (!this.ended) {
      this.tries += 1;
      const wait = Math.min(15_000, 500 * 2 ** Math.min(this.tries, 5)) * (0.75 + Math.random() / 2);
      // A Close of the server's own accord is its word; once more may be a restart.
      if (reason === 'serverDisconnect' && this.tries > 3) this.ended = { kind: 'other', title: 'The server ended the session', text: '' };
      else this.timer = setTimeout(() => this.connect(), wait);
    }
    this.changed();
  }

  private add(item: Item) {
    // A connection that is made again first gets messages that are here.
    if (item.id && this.known.has(item.id)) return;
    if (item.id) this.known.add(item.id);
    this.items.push(item);
    this.total += 1;
    if (this.items.length > most + slack) {
      for (const { id } of this.items.splice(0, this.items.length - most)) if (id) this.known.delete(id);
    }
    if (item.kind === 'message' && this.users[0] !== item.userId) {
      this.users = [item.userId!, ...this.users.filter((u) => u !== item.userId)].slice(0, 200);
    }
    this.changed();
  }

  private remove(id: string, reason?: string) {
    const i = this.items.findIndex((item) => item.id === id);
    if (i >= 0) this.items[i] = { ...this.items[i], deleted: { reason } };
    this.changed();
  }

  // changed tells listeners at most once per frame of the screen. Frames do not come to
  // a page in the background, where a timer stands in.
  private changed() {
    if (this.frame) return;
    const tell = () => {
      this.frame = 0;
      this.snapshot = {
        items: [...this.items], total: this.total, users: this.users, ended: this.ended, arrivals: this.arrivals,
        state: this.ended ? 'disconnected' : (this.room?.state ?? 'connecting') === 'connected' ? 'connected' : 'connecting',
      };
      this.listeners.forEach((f) => f());
    };
    this.frame = document.hidden ? (setTimeout(tell, 250) as unknown as number) : requestAnimationFrame(tell);
  }

  private async ask<T>(request: () => Promise<T>): Promise<T> {
    await this.connected();
    let timer: ReturnType<typeof setTimeout>;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('The server has not answered; the message may have been delivered.')), answerTime);
    });
    try {
      return await Promise.race([request(), late]);
    } catch (error) {
      const { errorMessage, message } = error as { errorMessage?: string; message?: string };
      throw new Error(errorMessage ?? message ?? String(error));
    } finally {
      clearTimeout(timer!);
    }
  }

  // connected waits a while for a connection that is being made.
  private connected(): Promise<void> {
    if (this.room?.state === 'connected') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (f: () => void) => (clearTimeout(timer), unsubscribe(), f());
      const timer = setTimeout(() => done(() => reject(new Error('There is no connection; try again when it is back.'))), answerTime);
      const unsubscribe = this.subscribe(() => {
        if (this.room?.state === 'connected') done(resolve);
        else if (this.ended) done(() => reject(new Error(this.ended!.title)));
      });
    });
  }

  send(content: string, attributes?: Record<string, string>) {
    return this.ask(() => this.room!.sendMessage(new SendMessageRequest(content, attributes)));
  }

  delete(id: string, reason?: string) {
    return this.ask(() => this.room!.deleteMessage(new DeleteMessageRequest(id, reason)));
  }

  disconnectUser(userId: string, reason?: string) {
    return this.ask(() => this.room!.disconnectUser(new DisconnectUserRequest(userId, reason)));
  }
}

// forget bounds what the official client keeps: the id of every message until its next
// connection, which may be hours away. It needs the latest ones, to leave out what comes twice.
function forget(room: ChatRoom) {
  const { receivedEntityIds: ids } = room as unknown as { receivedEntityIds?: Set<string> };
  if (!ids || ids.size <= most) return;
  for (const id of ids) {
    if (ids.size <= most / 2) break;
    ids.delete(id);
  }
}

function messageItem(m: ChatMessage): Item {
  return { key: m.id, kind: 'message', id: m.id, time: m.sendTime, userId: m.sender.userId, text: m.content, attributes: m.attributes, senderAttributes: m.sender.attributes };
}
