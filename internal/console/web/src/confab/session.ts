// Who is signed in: an access key, or a chat token for one room. Secrets stay in
// memory, and in sessionStorage only when the user asks for it.
import { IvschatClient } from '@aws-sdk/client-ivschat';
import { useSyncExternalStore } from 'react';
import { confab, offered } from './call';
import type { GetServerOutput } from './operations';
import { endpoint, page } from './page';
import { tab } from './storage';

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of credentials that expire. */
  sessionToken?: string;
}

/** A chat token of one room, which stands for a signature there. It connects once. */
export interface Staff {
  token: string;
  roomArn: string;
  allowed: string[];
  /** Whether the token was used for a connection. */
  used: boolean;
}

export interface Session {
  /** Another number is another person, perhaps: pages start anew. */
  id: number;
  keys: Keys;
  staff?: Staff;
  ivschat: IvschatClient;
  /** What the server says of itself; undefined if the policy does not allow GetServer. */
  server?: GetServerOutput;
  /** The operations of Confab's that the server has. */
  operations: Set<string>;
  /** Whether the page asks for another key, while it shows what was read and typed. */
  asking?: boolean;
}

const stored = 'confab-session';
const listeners = new Set<() => void>();
let current: Session | undefined;
let count = 0;

function set(session: Session | undefined) {
  current = session;
  listeners.forEach((f) => f());
}

export function useSession(): Session | undefined {
  return useSyncExternalStore((f) => (listeners.add(f), () => listeners.delete(f)), () => current);
}

// same is the id of a session that takes over the page of the one before, or a new one.
const same = () => current?.id ?? (count += 1);

/** Reports whether the server has an operation of Confab's; false where nobody is signed in. */
export function has(operation: string): boolean {
  return !!current?.operations.has(operation);
}

/** Returns the session of a page that is shown only to those who are signed in. */
export function session(): Session {
  if (!current) throw new Error('Nobody is signed in');
  return current;
}

export function client(keys: Keys): IvschatClient {
  return new IvschatClient({ endpoint, region: page.region, credentials: keys, maxAttempts: 2 });
}

/** Signs in if the server knows the keys. */
export async function signIn(keys: Keys, remember: boolean) {
  const operations = await offered();
  let server: GetServerOutput | undefined;
  try {
    server = operations.has('GetServer') ? await confab('GetServer', {}, keys) : undefined;
  } catch (error) {
    if ((error as Error).name !== 'AccessDeniedException') throw error;
  }
  if (remember) tab.set(stored, JSON.stringify(keys));
  set({ id: same(), keys, ivschat: client(keys), server, operations });
}

const byDisconnect = ['ivschat:DisconnectUser', 'confab:CreateBan', 'confab:ListBans', 'confab:DeleteBan', 'confab:GetRoomModes', 'confab:UpdateRoomModes', 'confab:ListMessageTraces'];
const byDelete = ['ivschat:DeleteMessage', 'confab:ListMessages', 'confab:DeleteUserMessages', 'confab:ListMessageTraces'];

/** Signs in for one room with a chat token. What it may do is tried: the token is sealed. */
export async function signInStaff(roomArn: string, token: string) {
  const operations = await offered();
  const attempt = async (call: () => Promise<unknown>, actions: string[]) => {
    try {
      await call();
      return actions.filter((a) => !a.startsWith('confab:') || operations.has(a.split(':')[1]));
    } catch (error) {
      const { name, message } = error as Error;
      if (name === 'AccessDeniedException' && message.includes('capability')) return [];
      throw error;
    }
  };
  const keys = { accessKeyId: '', secretAccessKey: '' };
  const allowed = [
    ...(await attempt(() => confab('GetRoomModes', { roomIdentifier: roomArn }, token), byDisconnect)),
    ...(await attempt(() => confab('ListMessages', { roomIdentifier: roomArn, maxResults: 1 }, token), byDelete)),
  ];
  set({ id: same(), keys, staff: { token, roomArn, allowed, used: false }, ivschat: client(keys), operations });
}

/** Asks again what the server is and what is allowed. */
export async function refresh() {
  if (!current?.operations.has('GetServer')) return;
  const server = await confab('GetServer', {});
  if (current) set({ ...current, server });
}

export function signOut() {
  tab.remove(stored);
  set(undefined);
}

/** Asks for another key, or stops asking. What was read and typed stays on the page. */
export function askAgain(asking: boolean) {
  tab.remove(stored);
  if (current) set({ ...current, asking });
}

/** The keys with which the page signs in without asking. */
export function known(): Keys | undefined {
  const keys = tab.get(stored);
  return keys ? (JSON.parse(keys) as Keys) : page.dev;
}

/**
 * Reports whether the action is worth offering: unless the server says that it is not
 * allowed on every room. A policy for one room only is not known here.
 */
export function may(action: string): boolean {
  const { server, operations, staff } = session();
  if (staff) return staff.allowed.includes(action);
  const [service, operation] = action.split(':');
  if (service === 'confab' && !operations.has(operation) && !actionsBesides.includes(operation)) return false;
  return !server?.allowedActions || server.allowedActions.includes(action);
}

/** Actions of Confab's that are no operations. */
export const actionsBesides = ['ConfigureRoom', 'ReadModerated', 'SkipReview'];
