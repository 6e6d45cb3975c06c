import { useCallback, useEffect, useRef, useState } from 'react';
import { type Problem, passing, problem, retried } from './problem';
import { useSession } from './session';

export interface Loaded<T> {
  data?: T;
  problem?: Problem;
  loading: boolean;
  reload: () => void;
}

export interface Changeable<T> extends Loaded<T> {
  /** Changes data that was loaded. */
  change: (f: (data: T) => T) => void;
}

const retry = 3000;

/**
 * Loads data, again when a dependency or the access key changes and every so many milliseconds. Data
 * stays while the server cannot be reached, which is tried again. Merge says what becomes
 * of data that is loaded again.
 */
export function useLoad<T>(load: () => Promise<T>, dependencies: unknown[], every?: number, merge?: (before: T | undefined, next: T) => T): Changeable<T> {
  const [state, setState] = useState<{ data?: T; problem?: Problem; loading: boolean }>({ loading: true });
  const [turn, setTurn] = useState(0);
  const { keys, staff } = useSession() ?? {};
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => setTurn((t) => t + 1), []);
  const held = useRef<T>(undefined);
  const change = useCallback((f: (data: T) => T) => {
    if (held.current === undefined) return;
    const data = (held.current = f(held.current));
    setState((s) => ({ ...s, data }));
  }, []);
  useEffect(() => {
    held.current = undefined;
    setState({ loading: true });
  }, dependencies);
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (after: number) => (timer = setTimeout(run, after));
    async function run() {
      try {
        const next = await latest.current();
        if (gone) return;
        const data = (held.current = merge ? merge(held.current, next) : next);
        setState({ data, loading: false });
        if (every) again(every);
      } catch (error) {
        if (gone) return;
        const p = problem(error);
        if (p.kind === 'missing' || p.kind === 'signature') held.current = undefined;
        const passes = passing(p);
        setState({ data: held.current, problem: passes ? retried(p) : p, loading: false });
        if (passes) again(retry);
        else if (every) again(every);
      }
    }
    setState((s) => ({ ...s, loading: true }));
    run();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [...dependencies, turn, keys, staff]);
  return { ...state, reload, change };
}
