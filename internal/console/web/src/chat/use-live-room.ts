import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { LiveRoom, type TokenSource } from './live-room';

/** Connects a user for as long as the component is shown. */
export function useLiveRoom(key: string, userId: string, tokens: TokenSource) {
  const live = useMemo(() => new LiveRoom(tokens, userId), [key]);
  const snapshot = useSyncExternalStore(live.subscribe, live.get);
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  return { live, ...snapshot };
}
