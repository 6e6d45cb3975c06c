// The pages of the console, and the menu that leads to them.
import Alert from '@cloudscape-design/components/alert';
import type { AppLayoutProps } from '@cloudscape-design/components/app-layout';
import type { SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import { type ReactNode, lazy } from 'react';
import { page } from './confab/page';
import { type Session } from './confab/session';

const Start = lazy(() => import('./pages/start'));
const QuickStart = lazy(() => import('./pages/quick-start'));

export interface Page {
  title: string;
  crumbs: { text: string; href: string }[];
  layout: AppLayoutProps.ContentType;
  wide?: boolean;
  show: () => ReactNode;
}

function simple(title: string, href: string, show: () => ReactNode, layout: AppLayoutProps.ContentType = 'default'): Page {
  return { title, crumbs: href ? [{ text: title, href }] : [], layout, show };
}

export function find([first, ...rest]: string[]): Page {
  const depth = rest.length;
  switch (first) {
    case undefined:
      if (page.dev) return simple('First minute', '', () => <Start />);
      return simple('Quick start', '#/quick-start', () => <QuickStart />);
    case 'quick-start':
      if (depth === 0) return simple('Quick start', '#/quick-start', () => <QuickStart />);
  }
  return simple('No such page', '', () => <Alert type="warning" header="There is no such page">The address may be from another version of Confab.</Alert>);
}

export function menu(_session: Session): SideNavigationProps.Item[] {
  return [
    ...(page.dev ? [{ type: 'link' as const, text: 'First minute', href: '#/' }] : []),
    { type: 'link', text: 'Quick start', href: '#/quick-start' },
  ];
}
