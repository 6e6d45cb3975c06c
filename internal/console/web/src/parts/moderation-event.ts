// The moderation log in words: docs/moderation-build.md has the names of actions and details.
import type { ModerationEvent } from '../confab/operations';
import { count } from './count';
import { actionName } from './filter-test';
import { isolated } from './isolated';
import { when } from './when';

/** What was done, by the action of an event. */
export const eventActions: Record<string, string> = {
  DELETE_MESSAGE: 'Message deleted',
  DISCONNECT_USER: 'User disconnected',
  CREATE_BAN: 'Ban created',
  UPDATE_BAN: 'Ban changed',
  DELETE_BAN: 'Ban lifted',
  UPDATE_ROOM_MODES: 'Modes changed',
  PUT_CONTENT_FILTER: 'Filter changed',
  DELETE_CONTENT_FILTER: 'Filter deleted',
  CONTENT_FILTER_HIT: 'Filter matched',
  DELETE_USER_MESSAGES: 'Messages cleaned up',
  ERASE_USER: 'User erased',
};

const nouns: Record<string, string> = { MUTE: 'Mute', HIDE: 'Hide' };

export function whatOf({ action = '', details }: ModerationEvent): string {
  const what = eventActions[action] ?? action;
  const noun = nouns[details?.type ?? ''];
  return noun && action.endsWith('_BAN') ? what.replace('Ban', noun) : what;
}

/** The user or range of addresses to whom it was done. */
export const whomOf = (e: ModerationEvent) => e.userId ?? e.details?.ipRange ?? '';

/** Who did it. */
export function byOf({ by, action }: ModerationEvent): string {
  if (by?.userId) return by.userId;
  if (by?.principalArn) return by.principalArn.split(':').pop()!.replace(/^user\//, '');
  return action === 'CONTENT_FILTER_HIT' ? 'Content filter' : '';
}

// Details that stand elsewhere, and counts that are left out when they are zero.
const unsaid = new Set(['id', 'type', 'ipRange']);
const unlessZero = new Set(['terms', 'expressions']);
const order = ['filter', 'filterAction', 'terms', 'expressions'];
const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);

/** The details of an event, a few words each. */
export function detailsOf({ action, details = {} }: ModerationEvent): string[] {
  return Object.entries(details).filter(([name, value]) => !unsaid.has(name) && !(unlessZero.has(name) && value === '0')).sort(([a], [b]) => rank(a) - rank(b)).map(([name, value]) => {
    switch (name) {
      case 'expirationTime': return `until ${when(value)}`;
      case 'filter': return `filter ${isolated(value)}`;
      case 'filterAction': return actionName(value).toLowerCase();
      case 'terms': return count(Number(value), 'term');
      case 'expressions': return count(Number(value), 'expression');
      case 'messages': case 'deleted': return count(Number(value), 'message');
      case 'done': return value === 'true' ? 'done' : 'not done yet';
      default: return action === 'UPDATE_ROOM_MODES' && value === '' ? `${name} switched back` : `${name}: ${isolated(value)}`;
    }
  });
}
