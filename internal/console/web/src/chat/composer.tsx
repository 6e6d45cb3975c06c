import Button from '@cloudscape-design/components/button';
import Input, { type InputProps } from '@cloudscape-design/components/input';
import { type ReactNode, useRef, useState } from 'react';

interface Props {
  label: string;
  placeholder?: string;
  disabled?: boolean;
  send: (text: string) => Promise<unknown>;
  children?: ReactNode;
}

/** A line to write in. What was typed stays until the server has taken it. */
export function Composer({ label, placeholder, disabled, send, children }: Props) {
  const [text, setText] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const input = useRef<InputProps.Ref>(null);
  async function submit() {
    if (busy || !text.trim()) return;
    setBusy(true);
    setError('');
    try {
      await send(text);
      setText((now) => (now === text ? '' : now));
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
          <Input ref={input} ariaLabel={label} placeholder={placeholder ?? 'Write a message'} value={text} onChange={({ detail }) => setText(detail.value)} invalid={!!error} autoComplete={false} />
        </div>
        <Button variant="primary" formAction="submit" disabled={disabled} loading={busy} ariaLabel={`${label}: send`}>Send</Button>
      </form>
      <div className="composer-error" role="alert">{error}</div>
    </div>
  );
}
