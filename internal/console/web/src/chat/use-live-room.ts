import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { useSession } from '../confab/session';
import { notifyError } from '../confab/notices';
import { type Item, LiveRoom, type TokenSource } from './live-room';

/** Connects a user for as long as the component is shown. */
export function useLiveRoom(key: string, userId: string, tokens: TokenSource) {
  const live = useMemo(() => new LiveRoom(tokens, userId), [key]);
  const snapshot = useSyncExternalStore(live.subscribe, live.get);
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  // With another access key it goes on where it was.
  const keys = useSession()?.keys;
  useEffect(() => {
    if (live.get().ended?.kind === 'signature') live.retry();
  }, [keys]);
  return { live, ...snapshot };
}

/** Deletes a message of a room without a question. */
export function remove(live: LiveRoom, { id, deleted }: Item) {
  if (id && !deleted) live.delete(id).catch((error) => notifyError('The message was not deleted', error));
}
