// What the browser keeps for the page. A browser may refuse to keep anything, or be full: then the
// page works as if nothing had been kept.

function store(of: () => Storage) {
  const attempt = <T>(use: (storage: Storage) => T): T | undefined => {
    try {
      return use(of());
    } catch {
      return undefined;
    }
  };
  return {
    get: (key: string) => attempt((s) => s.getItem(key)) ?? undefined,
    set: (key: string, value: string) => attempt((s) => s.setItem(key, value)),
    remove: (key: string) => attempt((s) => s.removeItem(key)),
    keys: () => attempt((s) => Object.keys(s)) ?? [],
  };
}

/** Kept until the tab is closed. */
export const tab = store(() => sessionStorage);

/** Kept for the tabs of this browser. */
export const browser = store(() => localStorage);
