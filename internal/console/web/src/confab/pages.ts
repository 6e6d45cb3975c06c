// Lists that come in pages: the first one is loaded again from time to time, the others when
// a person asks for more.
import { useRef, useState } from 'react';
import { type Loaded, useLoad } from './load';
import { notifyError } from './notices';

export interface Part<T> {
  items: T[];
  nextToken?: string;
  /** The time down to which was searched, where not every item was looked for. */
  reached?: string;
}

interface Kept<T> extends Part<T> {
  /** Whether there are items of further pages. */
  extended?: boolean;
}

export interface Pages<T> extends Part<T> {
  loaded: Loaded<Part<T>>;
  /** Loads the next page; undefined after the last one. */
  more?: () => void;
  busy: boolean;
}

/** Loads the pages of a list. Another question begins anew. */
export function usePages<T>(question: string, load: (nextToken?: string) => Promise<Part<T>>, idOf: (item: T) => string, every?: number): Pages<T> {
  const loaded = useLoad<Kept<T>>(() => load(), [question], every, (before, next) => join(before, next, idOf));
  const [busy, setBusy] = useState(false);
  const asked = useRef(question);
  asked.current = question;
  const nextToken = loaded.data?.nextToken;
  async function more() {
    setBusy(true);
    try {
      const next = await load(nextToken);
      if (asked.current === question) loaded.change((before) => ({ ...next, items: [...before.items, ...next.items], extended: true }));
    } catch (error) {
      if (asked.current === question) notifyError('No more were loaded', error);
    }
    setBusy(false);
  }
  return { items: [], ...loaded.data, loaded, more: nextToken ? more : undefined, busy };
}

// join puts a first page that was loaded again before the pages behind it. If there is a gap
// between them, the list begins anew.
function join<T>(before: Kept<T> | undefined, next: Part<T>, idOf: (item: T) => string): Kept<T> {
  if (!before?.extended) return next;
  const ids = new Set(next.items.map(idOf));
  const last = before.items.findLastIndex((item) => ids.has(idOf(item)));
  if (last < 0) return next;
  return { ...before, items: [...next.items, ...before.items.slice(last + 1)] };
}
