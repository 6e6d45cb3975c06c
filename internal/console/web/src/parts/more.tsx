import Button from '@cloudscape-design/components/button';
import type { Pages } from '../confab/pages';

/** The button below a list that has further pages. */
export function More<T>({ pages, text = 'Show more' }: { pages: Pages<T>; text?: string }) {
  if (!pages.more) return null;
  return <Button onClick={pages.more} loading={pages.busy}>{pages.unfinished ? `Look before ${pages.unfinished}` : text}</Button>;
}
