// The pages of the console, and the menu that leads to them.
import Alert from '@cloudscape-design/components/alert';
import type { AppLayoutProps } from '@cloudscape-design/components/app-layout';
import type { SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import { type ReactNode, lazy } from 'react';
import { page } from './confab/page';
import { type Session, may } from './confab/session';

const Start = lazy(() => import('./pages/start'));
const Rooms = lazy(() => import('./pages/rooms'));
const Room = lazy(() => import('./pages/room'));
const EditRoom = lazy(() => import('./pages/room-form'));
const NewRoom = lazy(() => import('./pages/room-form').then((m) => ({ default: m.NewRoom })));
const Logging = lazy(() => import('./pages/logging'));
const NewLogging = lazy(() => import('./pages/logging').then((m) => ({ default: m.NewLogging })));
const EditLogging = lazy(() => import('./pages/logging').then((m) => ({ default: m.EditLogging })));
const Tokens = lazy(() => import('./pages/tokens'));
const Server = lazy(() => import('./pages/server'));
const Metrics = lazy(() => import('./pages/metrics'));
const QuickStart = lazy(() => import('./pages/quick-start'));

export interface Page {
  title: string;
  crumbs: { text: string; href: string }[];
  layout: AppLayoutProps.ContentType;
  show: () => ReactNode;
}

const rooms = { text: 'Rooms', href: '#/rooms' };
const logging = { text: 'Logging configurations', href: '#/logging' };

function make(title: string, crumbs: Page['crumbs'], show: Page['show'], layout: Page['layout'] = 'default'): Page {
  return { title, crumbs, layout, show };
}

export function find([first, id, more, ...rest]: string[]): Page {
  if (rest.length === 0) {
    const here = { text: id, href: `#/${first}/${id}` };
    switch ([first ?? '', id && (id === 'new' ? 'new' : 'id'), more].filter((p) => p !== undefined).join('/')) {
      case '':
        return page.dev ? make('First minute', [], () => <Start />) : make('Rooms', [], () => <Rooms />, 'table');
      case 'rooms': return make('Rooms', [rooms], () => <Rooms />, 'table');
      case 'rooms/new': return make('Create a room', [rooms, { text: 'Create a room', href: '#/rooms/new' }], () => <NewRoom />, 'form');
      case 'rooms/id': return make(`Room ${id}`, [rooms, here], () => <Room id={id} />);
      case 'rooms/id/edit': return make(`Edit ${id}`, [rooms, here, { text: 'Edit', href: `${here.href}/edit` }], () => <EditRoom id={id} />, 'form');
      case 'logging': return make('Logging configurations', [logging], () => <Logging />, 'table');
      case 'logging/new': return make('Create a logging configuration', [logging, { text: 'Create', href: '#/logging/new' }], () => <NewLogging />, 'form');
      case 'logging/id': return make(`Logging configuration ${id}`, [logging, here], () => <EditLogging id={id} />, 'form');
      case 'tokens': return make('Chat tokens', [{ text: 'Chat tokens', href: '#/tokens' }], () => <Tokens />, 'form');
      case 'server': return make('Nodes and health', [{ text: 'Nodes and health', href: '#/server' }], () => <Server />);
      case 'metrics': return make('Metrics', [{ text: 'Metrics', href: '#/metrics' }], () => <Metrics />, 'dashboard');
      case 'quick-start': return make('Quick start', [{ text: 'Quick start', href: '#/quick-start' }], () => <QuickStart />);
    }
  }
  return make('No such page', [], () => <Alert type="warning" header="There is no such page">The address may be from another version of Confab.</Alert>);
}

export function menu(session: Session): SideNavigationProps.Item[] {
  const link = (text: string, href: string) => ({ type: 'link' as const, text, href });
  return [
    ...(page.dev ? [link('First minute', '#/')] : []),
    link('Quick start', '#/quick-start'),
    { type: 'section', text: 'Chat', items: [
      link('Rooms', '#/rooms'),
      link('Logging configurations', '#/logging'),
      ...(may('ivschat:CreateChatToken') ? [link('Chat tokens', '#/tokens')] : []),
    ] },
    ...(session.operations.size > 0 ? [{ type: 'section' as const, text: 'Server', items: [
      ...(may('confab:GetServer') ? [link('Nodes and health', '#/server')] : []),
      ...(may('confab:GetMetrics') ? [link('Metrics', '#/metrics')] : []),
    ] }] : []),
  ];
}
