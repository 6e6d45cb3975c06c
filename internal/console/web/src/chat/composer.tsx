import Button from '@cloudscape-design/components/button';
import Input, { type InputProps } from '@cloudscape-design/components/input';
import { type ReactNode, useRef, useState } from 'react';

interface Props {
  label: string;
  /** What the draft is kept for while the page lives, also when this line is not shown. */
  keep?: string;
  placeholder?: string;
  disabled?: boolean;
  send: (text: string) => Promise<unknown>;
  children?: ReactNode;
}

const drafts = new Map<string, string>();

/** A line to write in. What was typed stays until the server has taken it. */
export function Composer({ label, keep, placeholder, disabled, send, children }: Props) {
  const [text, setText] = useState((keep && drafts.get(keep)) ?? '');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const input = useRef<InputProps.Ref>(null);
  const write = (next: string) => {
    setText(next);
    if (keep) drafts.set(keep, next);
  };
  async function submit() {
    if (busy || disabled || !text.trim()) return;
    setBusy(true);
    setError('');
    try {
      await send(text);
      setText((now) => (now === text ? '' : now));
      if (keep && drafts.get(keep) === text) drafts.delete(keep);
    } catch (e) {
      setError((e as Error).message);
    } finally {
      setBusy(false);
      input.current?.focus();
    }
  }
  return (
    <div className="composer">
      <form onSubmit={(e) => (e.preventDefault(), submit())}>
        {children}
        <div className="composer-text">
          <Input ref={input} ariaLabel={label} placeholder={placeholder ?? 'Write a message'} value={text} onChange={({ detail }) => write(detail.value)} invalid={!!error} autoComplete={false} />
        </div>
        <Button variant="primary" formAction="submit" disabled={disabled} loading={busy} ariaLabel={`${label}: send`}>Send</Button>
      </form>
      <div className="composer-error" role="alert">{error}</div>
    </div>
  );
}
