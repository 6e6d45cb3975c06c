// What went wrong, in words for a person.

export interface Problem {
  kind: 'offline' | 'denied' | 'signature' | 'missing' | 'busy' | 'other';
  title: string;
  text: string;
}

/** Reports whether the same call may work a moment later. */
export const passing = (p: Problem) => p.kind === 'offline' || p.kind === 'busy';

/** A problem of a call that the page makes again. */
export const retried = (p: Problem): Problem => ({ ...p, text: `${p.text} The page tries again until it works.` });

/** The problem of an operation that the server does not have. */
export const lacking: Problem = { kind: 'missing', title: 'This server does not have this', text: 'It is older than this page, or its extensions are off.' };

/** What a form refuses before the server is asked. */
export class Refusal extends Error {
  constructor(readonly title: string, text: string) {
    super(text);
  }
}

const signature = /InvalidSignature|UnrecognizedClient|InvalidClientToken|MissingAuthentication|IncompleteSignature|ExpiredToken|SignatureDoesNotMatch/;

export function problem(error: unknown): Problem {
  if (error instanceof Refusal) return { kind: 'other', title: error.title, text: error.message };
  const { name = '', message = String(error) } = (error ?? {}) as Error;
  if (error instanceof TypeError || name === 'TimeoutError' || name === 'NetworkError') {
    return { kind: 'offline', title: 'The server cannot be reached', text: 'It may be starting again, or the network may be interrupted.' };
  }
  if (name === 'UsedToken') return { kind: 'signature', title: 'The connection was lost', text: `${message} Sign in with a new one to continue.` };
  if (name === 'UnauthenticatedToken') return { kind: 'signature', title: 'The chat token is not accepted', text: message };
  if (signature.test(name)) return { kind: 'signature', title: 'The access key is not accepted', text: `${message} Sign in again if the key was deleted or has expired.` };
  if (name === 'AccessDeniedException') return { kind: 'denied', title: 'Not allowed', text: message };
  if (name === 'ValidationException') return { kind: 'other', title: 'Not accepted', text: message };
  if (name === 'ResourceNotFoundException') return { kind: 'missing', title: 'Not found', text: message };
  if (name === 'UnknownOperationException') return lacking;
  if (name === 'ThrottlingException') return { kind: 'busy', title: 'Too many calls', text: message };
  if (name === 'ServiceUnavailableException') return { kind: 'busy', title: 'The server cannot do this now', text: message };
  if (name === 'InternalServerException') return { kind: 'other', title: 'The server failed', text: message };
  return { kind: 'other', title: name.replace(/Exception$/, '').replace(/([a-z])([A-Z])/g, '$1 $2') || 'Error', text: message };
}
