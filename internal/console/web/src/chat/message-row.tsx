import { memo, type ReactNode, useLayoutEffect, useRef } from 'react';
import { When } from '../parts/when';
import type { Item } from './live-room';

interface Props {
  item: Item;
  own: boolean;
  selected: boolean;
  onSelect: (key: string) => void;
  onHeight: (key: string, height: number) => void;
  actions?: (item: Item) => ReactNode;
}

export const MessageRow = memo(function MessageRow({ item, own, selected, onSelect, onHeight, actions }: Props) {
  const row = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const r = row.current!;
    const watcher = new ResizeObserver(() => onHeight(item.key, r.offsetHeight));
    watcher.observe(r);
    onHeight(item.key, r.offsetHeight);
    return () => watcher.disconnect();
  }, [item.key, onHeight]);
  const classes = ['message', item.kind, own && 'own', selected && 'selected', item.deleted && 'deleted'].filter(Boolean).join(' ');
  return (
    <div ref={row} className={classes} data-id={item.id} onClick={() => onSelect(item.key)}>
      <When at={item.time} />
      {item.kind === 'message' && <bdi className="sender" style={{ color: `light-dark(hsl(${hue(item.userId!)} 80% 25%), hsl(${hue(item.userId!)} 70% 78%))` }}>{item.userId}</bdi>}
      {item.deleted ? (
        <span className="text">Deleted{item.deleted.reason && <>: <bdi>{item.deleted.reason}</bdi></>}</span>
      ) : (
        <span className="text" dir="auto">
          {item.text}
          {item.kind === 'event' && item.attributes && <span className="attributes">{JSON.stringify(item.attributes)}</span>}
        </span>
      )}
      {actions && selected && <span className="actions" onClick={(e) => e.stopPropagation()}>{actions(item)}</span>}
    </div>
  );
});

// hue gives each user a color of their own.
function hue(userId: string): number {
  let n = 0;
  for (let i = 0; i < userId.length; i++) n = (n * 31 + userId.charCodeAt(i)) | 0;
  return Math.abs(n * 47) % 360;
}
