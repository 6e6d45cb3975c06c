// Who is signed in: an access key, or a chat token for one room. Secrets stay in
// memory, and in sessionStorage only when the user asks for it.
import { IvschatClient } from '@aws-sdk/client-ivschat';
import { useSyncExternalStore } from 'react';
import { confab, offered } from './call';
import type { GetServerOutput } from './operations';
import { endpoint, page } from './page';

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface Session {
  keys: Keys;
  ivschat: IvschatClient;
  /** What the server says of itself; undefined if the policy does not allow GetServer. */
  server?: GetServerOutput;
  /** The operations of Confab's that the server has. */
  operations: Set<string>;
}

const stored = 'confab-session';
const listeners = new Set<() => void>();
let current: Session | undefined;

function set(session: Session | undefined) {
  current = session;
  listeners.forEach((f) => f());
}

export function useSession(): Session | undefined {
  return useSyncExternalStore((f) => (listeners.add(f), () => listeners.delete(f)), () => current);
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
  if (remember) sessionStorage.setItem(stored, JSON.stringify(keys));
  set({ keys, ivschat: client(keys), server, operations });
}

/** Asks again what the server is and what is allowed. */
export async function refresh() {
  if (!current?.operations.has('GetServer')) return;
  const server = await confab('GetServer', {});
  if (current) set({ ...current, server });
}

export function signOut() {
  sessionStorage.removeItem(stored);
  set(undefined);
}

/** The keys with which the page signs in without asking. */
export function known(): Keys | undefined {
  const keys = sessionStorage.getItem(stored);
  return keys ? (JSON.parse(keys) as Keys) : page.dev;
}

/**
 * Reports whether the action is worth offering: unless the server says that it is not
 * allowed on every room. A policy for one room only is not known here.
 */
export function may(action: string): boolean {
  const { server, operations } = session();
  const [service, operation] = action.split(':');
  if (service === 'confab' && !operations.has(operation) && !besides.includes(operation)) return false;
  return !server?.allowedActions || server.allowedActions.includes(action);
}

// Actions that are no operations.
const besides = ['ConfigureRoom', 'ReadModerated'];
