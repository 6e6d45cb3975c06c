// Calls of the operations that Confab adds: restJson1, signed like those of IVS Chat.
import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Operations } from './operations';
import { endpoint, page } from './page';
import { type Keys, session } from './session';

/** Who calls: an access key signs, a chat token stands for the signature. */
type Caller = Keys | string;

function caller(): Caller {
  const { keys, staff } = session();
  return staff?.token ?? keys;
}

/** What a service answers instead of an output. */
export class ServiceError extends Error {
  constructor(readonly name: string, message: string, readonly status: number) {
    super(message);
  }
}

// How much the server's clock is ahead of this one, in milliseconds.
let ahead = 0;

async function send(operation: string, body: string, by: Caller): Promise<Response> {
  const url = new URL(`${endpoint}/_confab/v1/${operation}`);
  if (typeof by === 'string') {
    return fetch(url, { method: 'POST', headers: { authorization: `Bearer ${by}`, 'content-type': 'application/json' }, body, cache: 'no-store' });
  }
  const signer = new SignatureV4({ service: 'ivschat', region: page.region, credentials: by, sha256: Sha256 });
  const request = new HttpRequest({
    method: 'POST', protocol: url.protocol, hostname: url.hostname, path: url.pathname, body,
    headers: { host: url.host, 'content-type': 'application/json' },
  });
  const { headers } = await signer.sign(request, { signingDate: new Date(Date.now() + ahead) });
  delete headers.host;
  return fetch(url, { method: 'POST', headers, body, cache: 'no-store' });
}

export async function confab<Name extends keyof Operations>(operation: Name, input: Operations[Name]['input'], by: Caller = caller()): Promise<Operations[Name]['output']> {
  const body = JSON.stringify(input);
  let response = await send(operation, body, by);
  const skew = Date.parse(response.headers.get('Date') ?? '') - Date.now();
  if (typeof by !== 'string' && response.status === 403 && Math.abs(skew - ahead) > 240_000) {
    ahead = skew;
    response = await send(operation, body, by);
  }
  const output = await response.json().catch(() => ({}));
  if (!response.ok) {
    const name = response.headers.get('X-Amzn-ErrorType')?.split(':')[0] ?? 'InternalServerException';
    const refused = typeof by === 'string' && /UnrecognizedClient|ExpiredToken/.test(name) ? 'UnauthenticatedToken' : name;
    throw new ServiceError(refused, output.message ?? output.Message ?? `The server answered ${response.status}.`, response.status);
  }
  return output;
}

/** Returns the names of the operations of Confab's that the server has. */
export async function offered(): Promise<Set<string>> {
  const response = await fetch(`${endpoint}/_confab/v1/service-2.json`, { cache: 'no-store' });
  if (response.status === 404 || response.status === 403) return new Set();
  if (!response.ok) throw new ServiceError('ServiceUnavailableException', `The server answered ${response.status}.`, response.status);
  return new Set(Object.keys((await response.json()).operations));
}
