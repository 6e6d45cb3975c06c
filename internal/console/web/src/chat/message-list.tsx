// The messages of a room, of which only those that can be seen are in the page. It
// stays at the end unless its user scrolls away, selects a message, or moves the pointer over it:
// nobody can point at a message that moves.
import Button from '@cloudscape-design/components/button';
import { type KeyboardEvent, type PointerEvent, type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { count } from '../parts/count';
import type { Item } from './live-room';
import { MessageRow } from './message-row';

const estimate = 34;
const overscan = 400;
// How long the list stands still after the pointer has moved over it, in milliseconds.
const holdTime = 3000;
// The most items that the list keeps for a user who reads older ones. The button counts those
// that came after them.
const mostRead = 10_000;

interface Props {
  label: string;
  items: readonly Item[];
  total: number;
  own?: string;
  empty: ReactNode;
  /** Buttons for the selected message. */
  actions?: (item: Item) => ReactNode;
  onDelete?: (item: Item) => void;
  /** Another number ends the selection, and the list follows again. */
  release?: number;
}

export function MessageList({ label, items, total, own, empty, actions, onDelete, release }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const heights = useRef(new Map<string, number>());
  const [view, setView] = useState({ top: 0, height: 600 });
  const [, measured] = useState(0);
  const [following, setFollowing] = useState(true);
  const [held, setHeld] = useState(false);
  const [seen, setSeen] = useState(0);
  const [selected, setSelected] = useState<string>();
  const followingNow = useRef(true);
  followingNow.current = following;
  const ownTop = useRef(0);
  const holding = useRef<ReturnType<typeof setTimeout>>(undefined);
  const pinned = following && !held;

  // While its user reads older items, the list keeps them where they are.
  const kept = useRef<readonly Item[]>(items);
  if (pinned || items.length === 0) kept.current = items;
  else kept.current = extend(kept.current, items);
  const shown = kept.current;

  // Heights of items that the list has dropped go with them.
  if (heights.current.size > 2 * shown.length + 1000) {
    heights.current = new Map(shown.flatMap(({ key }) => (heights.current.has(key) ? [[key, heights.current.get(key)!]] : [])));
  }
  const offsets = new Float64Array(shown.length + 1);
  for (let i = 0; i < shown.length; i++) offsets[i + 1] = offsets[i] + (heights.current.get(shown[i].key) ?? estimate);
  const end = offsets[shown.length];
  const top = pinned ? Math.max(0, end - view.height) : view.top;
  const first = Math.max(0, search(offsets, top - overscan) - 1);
  const last = Math.min(shown.length, search(offsets, top + view.height + overscan));

  const look = () => setView({ top: box.current!.scrollTop, height: box.current!.clientHeight });
  const follow = useCallback((to: boolean) => {
    followingNow.current = to;
    setFollowing(to);
  }, []);
  const letGo = useCallback(() => {
    clearTimeout(holding.current);
    setHeld(false);
    follow(true);
  }, [follow]);
  useEffect(() => () => clearTimeout(holding.current), []);
  useEffect(() => {
    setSelected(undefined);
    letGo();
  }, [release, letGo]);

  function hold(event: PointerEvent) {
    if (event.pointerType !== 'mouse' || !overflows()) return;
    clearTimeout(holding.current);
    holding.current = setTimeout(() => setHeld(false), holdTime);
    if (!held) look();
    setHeld(true);
  }

  const overflows = () => box.current!.scrollHeight > box.current!.clientHeight;

  const clicked = useCallback((key: string) => {
    setSelected(key);
    if (!overflows()) return;
    look();
    follow(false);
  }, [follow]);

  useLayoutEffect(() => {
    if (!pinned || !box.current) return;
    box.current.scrollTop = box.current.scrollHeight;
    ownTop.current = box.current.scrollTop;
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
      measured((n) => n + 1);
    }
  }, []);

  function scrolled() {
    const b = box.current!;
    // The list's own scrolling is reported late, when more may have come.
    if (followingNow.current && b.scrollTop === ownTop.current) return;
    const atEnd = b.scrollHeight - b.scrollTop - b.clientHeight < 24;
    if (atEnd !== followingNow.current) follow(atEnd);
    if (!atEnd || held) look();
  }

  function select(i: number) {
    const item = shown[Math.max(0, Math.min(shown.length - 1, i))];
    if (!item) return;
    setSelected(item.key);
    const at = shown.indexOf(item);
    const b = box.current!;
    if (overflows()) follow(false);
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
      letGo();
    }
  }

  const fresh = total - seen;
  return (
    <div className="messages">
      <div ref={box} className="messages-box" role="log" aria-label={label} aria-live={fresh > 20 ? 'off' : 'polite'} tabIndex={0} onScroll={scrolled} onKeyDown={key} onPointerMove={hold}>
        {shown.length === 0 && <div className="messages-empty">{empty}</div>}
        <div style={{ height: end, position: 'relative' }}>
          <div style={{ transform: `translateY(${offsets[first]}px)` }}>
            {shown.slice(first, last).map((item) => (
              <MessageRow key={item.key} item={item} own={item.userId === own} selected={item.key === selected} onSelect={clicked} onHeight={measure} actions={actions} />
            ))}
          </div>
        </div>
      </div>
      {!pinned && (fresh > 0 || !following) && (
        <div className="messages-more">
          <Button iconName="angle-down" onClick={letGo}>{fresh > 0 ? count(fresh, 'new message') : 'Latest messages'}</Button>
        </div>
      )}
    </div>
  );
}

// extend returns the old items, in their newest form, with those that came since, as far as
// the list keeps them.
function extend(old: readonly Item[], items: readonly Item[]): readonly Item[] {
  const at = old.findIndex((i) => i.key === items[0].key);
  return at < 0 ? old : [...old.slice(0, at), ...items].slice(0, mostRead);
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
