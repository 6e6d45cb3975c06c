// Lists that come in pages: the first one is loaded again from time to time, the others when
// a person asks for more.
import { useRef, useState } from 'react';
import { type Loaded, useLoad } from './load';
import { when } from '../parts/when';
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
  /** The time before which was not searched yet, of a search that has not found a page full. */
  unfinished?: string;
  /** Loads the next page; undefined after the last one. */
  more?: () => void;
  busy: boolean;
}

const pageSize = 50;
const mostPages = 10;

/**
 * Reads a page of a list. With a condition, which the operation does not know, it reads on until a
 * page is full of items that meet it, or for a while.
 */
export async function search<T>(
  load: (maxResults: number, nextToken?: string) => Promise<Part<T>>, timeOf: (item: T) => string | undefined, condition: ((item: T) => boolean) | undefined, nextToken?: string,
): Promise<Part<T>> {
  if (!condition) return load(pageSize, nextToken);
  const found: T[] = [];
  let reached: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const { items, nextToken: next } = await load(200, nextToken);
    found.push(...items.filter(condition));
    if (items.length > 0) reached = timeOf(items[items.length - 1]);
    nextToken = next;
    if (!nextToken || found.length >= pageSize) break;
  }
  return { items: found, nextToken, reached };
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
  const { items = [], reached } = loaded.data ?? {};
  const unfinished = nextToken && reached && items.length < pageSize ? when(reached) : undefined;
  return { ...loaded.data, items, loaded, more: nextToken ? more : undefined, busy, unfinished };
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
