// Chat tokens for a window that another page of the console has opened: it chats as a user, and
// has no access key. It asks its opener for each token.
import type { ChatTokenCapability } from '@aws-sdk/client-ivschat';
import { idOf } from '../confab/router';
import { type TokenSource, tokensOf } from './live-room';

/** Whose tokens are lent. */
export interface Loan {
  roomArn: string;
  roomName: string;
  userId: string;
  capabilities: ChatTokenCapability[];
  attributes?: Record<string, string>;
}

type Answer = { loan: Loan } & Awaited<ReturnType<TokenSource>>;

const path = '#/chat-as';
const answerTime = 15_000;

/** Reports whether this window was opened to chat as a user. */
export const isLent = () => location.hash.startsWith(path);

/** Opens a window that chats as a user. It gets tokens for as long as this page is open. */
export function openChat(loan: Loan): boolean {
  const address = `${location.pathname}${path}/${idOf(loan.roomArn)}/${encodeURIComponent(loan.userId)}`;
  const opened = window.open(address, '_blank', 'popup,width=460,height=720');
  if (!opened) return false;
  const tokens = tokensOf(loan.roomArn, loan.userId, loan.capabilities, loan.attributes);
  addEventListener('message', async ({ source, origin, data }) => {
    if (source !== opened || origin !== location.origin || data !== 'token') return;
    try {
      opened.postMessage({ ...(await tokens()), loan } satisfies Answer, origin);
    } catch (error) {
      opened.postMessage({ refused: (error as Error).message }, origin);
    }
  });
  return true;
}

const gone = (text: string) => Object.assign(new Error(text), { name: 'UsedToken' });

/** Asks the opener for a token. */
export function borrow(): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const opener = window.opener as Window | null;
    if (!opener || opener.closed) return reject(gone('The page that opened this window is closed. Open a new window from Chat tokens.'));
    const done = (f: () => void) => (clearTimeout(timer), removeEventListener('message', answered), f());
    const answered = ({ source, origin, data }: MessageEvent) => {
      if (source !== opener || origin !== location.origin) return;
      done(() => (data.loan ? resolve(data) : reject(gone(data.refused ?? 'The page that opened this window has no token.'))));
    };
    const timer = setTimeout(() => done(() => reject(gone('The page that opened this window does not answer.'))), answerTime);
    addEventListener('message', answered);
    opener.postMessage('token', location.origin);
  });
}
