import Button from '@cloudscape-design/components/button';
import type { Pages } from '../confab/pages';

/** The button below a list that has further pages. */
export function More<T>({ pages, children = 'Show more' }: { pages: Pages<T>; children?: string }) {
  return pages.more ? <Button onClick={pages.more} loading={pages.busy}>{children}</Button> : null;
}
