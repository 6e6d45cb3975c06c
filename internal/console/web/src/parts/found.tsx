import { hits } from './fold';

/** A text in which the hits of a folded word are marked. */
export function Found({ text, word }: { text: string; word: string }) {
  const parts = [];
  let at = 0;
  for (const [start, end] of hits(text, word)) {
    parts.push(text.slice(at, start), <mark key={start}>{text.slice(start, end)}</mark>);
    at = end;
  }
  return <>{parts}{text.slice(at)}</>;
}
