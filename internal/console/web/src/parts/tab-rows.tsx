import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react';

export interface Tab {
  id: string;
  label: string;
  content: ReactNode;
}

interface Props {
  label: string;
  tabs: Tab[];
  chosen: string;
  onChange: (id: string) => void;
}

/** Tabs in as many rows as they need: each of them is one click away. */
export function TabRows({ label, tabs, chosen, onChange }: Props) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const current = tabs.find((t) => t.id === chosen) ?? tabs[0];
  if (!current) return null;
  function key(event: KeyboardEvent) {
    const at = tabs.indexOf(current);
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = (steps[event.key] + tabs.length) % tabs.length;
    onChange(tabs[next].id);
    list.current!.querySelectorAll<HTMLElement>('[role=tab]')[next].focus();
  }
  return (
    <>
      <div ref={list} className="tab-rows" role="tablist" aria-label={label} onKeyDown={key}>
        {tabs.map((t) => (
          <button
            key={t.id} type="button" role="tab" id={`${id}-${t.id}`} aria-selected={t === current} aria-controls={`${id}-panel`} tabIndex={t === current ? 0 : -1}
            onClick={() => onChange(t.id)}
          >{t.label}</button>
        ))}
      </div>
      <div key={current.id} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${current.id}`}>{current.content}</div>
    </>
  );
}
