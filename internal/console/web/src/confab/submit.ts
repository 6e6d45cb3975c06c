import { type FormEvent, useState } from 'react';
import { type Problem, problem } from './problem';

/** Sends a form once at a time, and keeps what went wrong, at first before. What was typed stays. */
export function useSubmit(run: () => Promise<unknown>, before?: Problem) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(before);
  async function submit() {
    if (busy) return;
    setBusy(true);
    setTrouble(undefined);
    try {
      await run();
    } catch (error) {
      setTrouble(problem(error));
    }
    setBusy(false);
  }
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit();
  };
  return { busy, trouble, submit, onSubmit, forget: () => setTrouble(undefined) };
}
