import { useCallback, useEffect, useRef, useState } from 'react';
import { type Problem, problem } from './problem';

export interface Loaded<T> {
  data?: T;
  problem?: Problem;
  loading: boolean;
  reload: () => void;
}

const retry = 3000;

/**
 * Loads data, again when a dependency changes and every so many milliseconds. Data
 * stays while the server cannot be reached, which is tried again.
 */
export function useLoad<T>(load: () => Promise<T>, dependencies: unknown[], every?: number): Loaded<T> {
  const [state, setState] = useState<{ data?: T; problem?: Problem; loading: boolean }>({ loading: true });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => setTurn((t) => t + 1), []);
  useEffect(() => setState({ loading: true }), dependencies);
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (after: number) => (timer = setTimeout(run, after));
    async function run() {
      try {
        const data = await latest.current();
        if (gone) return;
        setState({ data, loading: false });
        if (every) again(every);
      } catch (error) {
        if (gone) return;
        const p = problem(error);
        setState((s) => ({ data: p.kind === 'missing' || p.kind === 'signature' ? undefined : s.data, problem: p, loading: false }));
        if (p.kind === 'offline' || p.kind === 'busy') again(retry);
        else if (every) again(every);
      }
    }
    setState((s) => ({ ...s, loading: true }));
    run();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [...dependencies, turn]);
  return { ...state, reload };
}
