// Short messages at the top of every page.
import type { FlashbarProps } from '@cloudscape-design/components/flashbar';
import { useSyncExternalStore } from 'react';
import { problem } from './problem';

let items: FlashbarProps.MessageDefinition[] = [];
let count = 0;
const listeners = new Set<() => void>();

function set(next: FlashbarProps.MessageDefinition[]) {
  items = next;
  listeners.forEach((f) => f());
}

export function useNotices() {
  return useSyncExternalStore((f) => (listeners.add(f), () => listeners.delete(f)), () => items);
}

export function notify(type: FlashbarProps.Type, header: string, content?: string) {
  const id = `notice-${(count += 1)}`;
  const remove = () => set(items.filter((i) => i.id !== id));
  set([{ id, type, header, content, dismissible: true, dismissLabel: 'Dismiss', onDismiss: remove }, ...items].slice(0, 3));
  if (type === 'success') setTimeout(remove, 5000);
}

export function notifyError(what: string, error: unknown) {
  const p = problem(error);
  notify('error', what, `${p.title}: ${p.text}`);
}
