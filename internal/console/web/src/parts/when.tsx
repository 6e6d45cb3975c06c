// Times as people read them: as short as they can be, with all of it in the title.

const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;

/** A time in words: without the day if it is today, without the year if it is this one. */
export function when(time: string | number | Date): string {
  const at = new Date(time);
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return at.toLocaleTimeString([], clock);
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return at.toLocaleString([], { year, month: 'short', day: 'numeric', ...clock });
}

/** A time on the page; a dash where there is none. */
export function When({ at }: { at?: string | Date }) {
  if (!at) return <>–</>;
  const time = new Date(at);
  return <time className="when" dateTime={time.toISOString()} title={time.toLocaleString()}>{when(time)}</time>;
}
