// The messages of a room, of which only those that can be seen are in the page. It
// stays at the end unless its user scrolls away.
import Button from '@cloudscape-design/components/button';
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { Item } from './live-room';
import { MessageRow } from './message-row';

const estimate = 34;
const overscan = 400;

interface Props {
  label: string;
  items: readonly Item[];
  total: number;
  own?: string;
  empty: ReactNode;
  /** Buttons for the selected message. */
  actions?: (item: Item) => ReactNode;
  onDelete?: (item: Item) => void;
}

export function MessageList({ label, items, total, own, empty, actions, onDelete }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const heights = useRef(new Map<string, number>());
  const [view, setView] = useState({ top: 0, height: 600 });
  const [, measured] = useState(0);
  const [pinned, setPinned] = useState(true);
  const [seen, setSeen] = useState(0);
  const [selected, setSelected] = useState<string>();
  const pinnedNow = useRef(true);
  pinnedNow.current = pinned;

  // While its user reads, the list does not lose its oldest items under them.
  const kept = useRef<readonly Item[]>(items);
  if (pinned || items.length === 0) kept.current = items;
  else kept.current = extend(kept.current, items);
  const shown = kept.current;

  const offsets = new Float64Array(shown.length + 1);
  for (let i = 0; i < shown.length; i++) offsets[i + 1] = offsets[i] + (heights.current.get(shown[i].key) ?? estimate);
  const end = offsets[shown.length];
  const top = pinned ? Math.max(0, end - view.height) : view.top;
  const first = Math.max(0, search(offsets, top - overscan) - 1);
  const last = Math.min(shown.length, search(offsets, top + view.height + overscan));

  const pin = useCallback((to: boolean) => {
    pinnedNow.current = to;
    setPinned(to);
  }, []);

  useLayoutEffect(() => {
    if (pinned && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  useEffect(() => {
    if (pinned) setSeen(total);
  }, [pinned, total]);

  useEffect(() => {
    const b = box.current!;
    const watcher = new ResizeObserver(() => setView({ top: b.scrollTop, height: b.clientHeight }));
    watcher.observe(b);
    return () => watcher.disconnect();
  }, []);

  const measure = useCallback((key: string, height: number) => {
    if (height > 0 && heights.current.get(key) !== height) {
      heights.current.set(key, height);
      if (heights.current.size > 20_000) heights.current.clear();
      measured((n) => n + 1);
    }
  }, []);

  function scrolled() {
    const b = box.current!;
    const atEnd = b.scrollHeight - b.scrollTop - b.clientHeight < 24;
    if (atEnd !== pinnedNow.current) pin(atEnd);
    if (!atEnd) setView({ top: b.scrollTop, height: b.clientHeight });
  }

  function select(i: number) {
    const item = shown[Math.max(0, Math.min(shown.length - 1, i))];
    if (!item) return;
    setSelected(item.key);
    const at = shown.indexOf(item);
    const b = box.current!;
    if (at < shown.length - 1) pin(false);
    if (offsets[at] < b.scrollTop) b.scrollTop = offsets[at];
    else if (offsets[at + 1] > b.scrollTop + b.clientHeight) b.scrollTop = offsets[at + 1] - b.clientHeight;
  }

  function key(event: KeyboardEvent) {
    if (event.target !== box.current) return;
    const at = shown.findIndex((i) => i.key === selected);
    const steps: Record<string, number> = { ArrowUp: at < 0 ? shown.length - 1 : at - 1, ArrowDown: at + 1, Home: 0, End: shown.length - 1, PageUp: at - 10, PageDown: at + 10 };
    if (event.key in steps) {
      event.preventDefault();
      select(steps[event.key]);
    } else if (event.key === 'Delete' && at >= 0 && onDelete) {
      event.preventDefault();
      onDelete(shown[at]);
    } else if (event.key === 'Escape') {
      setSelected(undefined);
      pin(true);
    }
  }

  const fresh = total - seen;
  return (
    <div className="messages">
      <div ref={box} className="messages-box" role="log" aria-label={label} aria-live={fresh > 20 ? 'off' : 'polite'} tabIndex={0} onScroll={scrolled} onKeyDown={key}>
        {shown.length === 0 && <div className="messages-empty">{empty}</div>}
        <div style={{ height: end, position: 'relative' }}>
          <div style={{ transform: `translateY(${offsets[first]}px)` }}>
            {shown.slice(first, last).map((item) => (
              <MessageRow key={item.key} item={item} own={item.userId === own} selected={item.key === selected} onSelect={setSelected} onHeight={measure} actions={actions} />
            ))}
          </div>
        </div>
      </div>
      {!pinned && (
        <div className="messages-more">
          <Button iconName="angle-down" onClick={() => pin(true)}>{fresh > 0 ? `${fresh} new ${fresh === 1 ? 'message' : 'messages'}` : 'To the latest'}</Button>
        </div>
      )}
    </div>
  );
}

// extend returns the old items, in their newest form, with those that came since.
function extend(old: readonly Item[], items: readonly Item[]): readonly Item[] {
  const at = old.findIndex((i) => i.key === items[0].key);
  return at <= 0 ? (at === 0 ? items : [...old, ...items]) : [...old.slice(0, at), ...items];
}

// search returns the first index whose offset is at least y.
function search(offsets: Float64Array, y: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle] < y) low = middle + 1;
    else high = middle;
  }
  return low;
}
