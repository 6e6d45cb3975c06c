// Pages have addresses of the form #/rooms/<id>.
import { useSyncExternalStore } from 'react';

function read() {
  return location.hash.replace(/^#/, '') || '/';
}

// decoded returns a part of an address that somebody may have typed.
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function useRoute(): string[] {
  const path = useSyncExternalStore((f) => {
    addEventListener('hashchange', f);
    return () => removeEventListener('hashchange', f);
  }, read);
  return path.split('?')[0].split('/').filter(Boolean).map(decoded);
}

export function go(href: string) {
  location.hash = href.replace(/^#/, '');
}

/** The address of a resource by its ARN, which ends in the kind and the id. */
export function idOf(arn: string) {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

export const roomPath = (arn: string) => `#/rooms/${idOf(arn)}`;
