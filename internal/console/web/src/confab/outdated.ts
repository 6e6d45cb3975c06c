// A page that stays open while its server is replaced by another version.
import { useEffect } from 'react';
import { notify } from './notices';
import { refresh, session } from './session';

const every = 60_000;

/** Tells once when the server has another version than at the sign-in. */
export function useVersionNotice() {
  useEffect(() => {
    const first = session().server?.version;
    if (!first) return;
    const look = async () => {
      if (document.hidden) return;
      await refresh().catch(() => undefined);
      const now = session().server?.version;
      if (!now || now === first) return;
      stop();
      notify('info', `The server has version ${now} now`, 'This page is of another version. Load it again when nothing is half done.');
    };
    const timer = setInterval(look, every);
    const stop = () => (clearInterval(timer), document.removeEventListener('visibilitychange', look));
    document.addEventListener('visibilitychange', look);
    return stop;
  }, []);
}
