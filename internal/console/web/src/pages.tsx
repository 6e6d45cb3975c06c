// The pages of the console, and the menu that leads to them.
import Alert from '@cloudscape-design/components/alert';
import type { AppLayoutProps } from '@cloudscape-design/components/app-layout';
import Button from '@cloudscape-design/components/button';
import type { SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import { type ComponentType, type ReactNode, lazy } from 'react';
import { page } from './confab/page';
import { may } from './confab/session';
import { Titled } from './parts/state';

// part is loaded when it is shown. A server of another version does not have the file.
function part<Part extends ComponentType<any>>(load: () => Promise<{ default: Part }>) {
  return lazy(() => load().catch(() => ({ default: Absent as unknown as Part })));
}

function Absent() {
  return (
    <Titled title="Not loaded">
      <Alert type="warning" header="This part of the page cannot be loaded" action={<Button onClick={() => location.reload()}>Load the page again</Button>}>
        The server cannot be reached, or it has another version than this page.
      </Alert>
    </Titled>
  );
}

const Start = part(() => import('./pages/start'));
const Rooms = part(() => import('./pages/rooms'));
const Room = part(() => import('./pages/room'));
const StaffRoom = part(() => import('./pages/room').then((m) => ({ default: m.StaffRoom })));
const EditRoom = part(() => import('./pages/room-form'));
const NewRoom = part(() => import('./pages/room-form').then((m) => ({ default: m.NewRoom })));
const Logging = part(() => import('./pages/logging'));
const NewLogging = part(() => import('./pages/logging').then((m) => ({ default: m.NewLogging })));
const EditLogging = part(() => import('./pages/logging').then((m) => ({ default: m.EditLogging })));
const Bans = part(() => import('./pages/bans'));
const ModerationLog = part(() => import('./pages/moderation-log'));
const EraseUser = part(() => import('./pages/erase-user'));
const Filters = part(() => import('./pages/filters'));
const TestFilters = part(() => import('./pages/filters').then((m) => ({ default: m.TestFilters })));
const NewFilter = part(() => import('./pages/filter-form'));
const EditFilter = part(() => import('./pages/filter-form').then((m) => ({ default: m.EditFilter })));
const Webhooks = part(() => import('./pages/webhooks'));
const NewWebhook = part(() => import('./pages/webhook-form'));
const EditWebhook = part(() => import('./pages/webhook-form').then((m) => ({ default: m.EditWebhook })));
const Credentials = part(() => import('./pages/credentials'));
const NewCredentials = part(() => import('./pages/credentials-form'));
const Tokens = part(() => import('./pages/tokens'));
const Server = part(() => import('./pages/server'));
const Metrics = part(() => import('./pages/metrics'));
const QuickStart = part(() => import('./pages/quick-start'));

export interface Page {
  title: string;
  crumbs: { text: string; href: string }[];
  layout: AppLayoutProps.ContentType;
  show: () => ReactNode;
}

const rooms = { text: 'Rooms', href: '#/rooms' };
const filters = { text: 'Content filters', href: '#/filters' };
const webhooks = { text: 'Webhooks', href: '#/webhooks' };
const credentials = { text: 'Credentials', href: '#/credentials' };
const logging = { text: 'Logging configurations', href: '#/logging' };

function make(title: string, crumbs: Page['crumbs'], show: Page['show'], layout: Page['layout'] = 'default'): Page {
  return { title, crumbs, layout, show };
}

/** The one page of somebody who signed in with a chat token. */
export const staffPage = make('Room', [], () => <StaffRoom />);

export function find([first, id, more, ...rest]: string[]): Page {
  if (rest.length === 0) {
    const here = { text: id, href: `#/${first}/${id}` };
    if (first === 'filters' && id && more) {
      return make(`Filter ${more}`, [filters, { text: more, href: `${here.href}/${more}` }], () => <EditFilter room={id} name={more} />, 'form');
    }
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
      case 'bans': return make('Bans', [{ text: 'Bans', href: '#/bans' }], () => <Bans />, 'table');
      case 'moderation-log': return make('Moderation log', [{ text: 'Moderation log', href: '#/moderation-log' }], () => <ModerationLog />, 'table');
      case 'erase-user': return make('Erase a user', [{ text: 'Erase a user', href: '#/erase-user' }], () => <EraseUser />, 'form');
      case 'filters': return make('Content filters', [filters], () => <Filters />, 'table');
      case 'filters/new': return make('Create a filter', [filters, { text: 'Create a filter', href: '#/filters/new' }], () => <NewFilter />, 'form');
      case 'filters/id': if (id === 'test') return make('Test the content filters', [filters, { text: 'Test', href: '#/filters/test' }], () => <TestFilters />, 'form'); break;
      case 'webhooks': return make('Webhooks', [webhooks], () => <Webhooks />, 'table');
      case 'webhooks/new': return make('Create a webhook', [webhooks, { text: 'Create a webhook', href: '#/webhooks/new' }], () => <NewWebhook />, 'form');
      case 'webhooks/id': return make('Edit a webhook', [webhooks, { text: 'Edit', href: here.href }], () => <EditWebhook id={id} />, 'form');
      case 'credentials': return make('Credentials', [credentials], () => <Credentials />, 'table');
      case 'credentials/new': return make('Create an access key', [credentials, { text: 'Create an access key', href: '#/credentials/new' }], () => <NewCredentials />, 'form');
      case 'tokens': return make('Chat tokens', [{ text: 'Chat tokens', href: '#/tokens' }], () => <Tokens />, 'form');
      case 'server': return make('Nodes and health', [{ text: 'Nodes and health', href: '#/server' }], () => <Server />);
      case 'metrics': return make('Metrics', [{ text: 'Metrics', href: '#/metrics' }], () => <Metrics />, 'dashboard');
      case 'quick-start': return make('Quick start', [{ text: 'Quick start', href: '#/quick-start' }], () => <QuickStart />);
    }
  }
  return make('No such page', [], () => <Titled title="No such page"><Alert type="warning">The address may be from another version of Confab.</Alert></Titled>);
}

// section is a part of the menu; none without links.
function section(text: string, items: SideNavigationProps.Link[]): SideNavigationProps.Item[] {
  return items.length > 0 ? [{ type: 'section', text, items }] : [];
}

export function menu(): SideNavigationProps.Item[] {
  const link = (text: string, href: string) => ({ type: 'link' as const, text, href });
  return [
    ...(page.dev ? [link('First minute', '#/')] : []),
    link('Quick start', '#/quick-start'),
    { type: 'section', text: 'Chat', items: [
      link('Rooms', '#/rooms'),
      link('Logging configurations', '#/logging'),
      ...(may('ivschat:CreateChatToken') ? [link('Chat tokens', '#/tokens')] : []),
    ] },
    ...section('Moderation', [
      ...(may('confab:ListBans') ? [link('Bans', '#/bans')] : []),
      ...(may('confab:ListContentFilters') ? [link('Content filters', '#/filters')] : []),
      ...(may('confab:ListModerationEvents') ? [link('Moderation log', '#/moderation-log')] : []),
      ...(may('confab:EraseUser') ? [link('Erase a user', '#/erase-user')] : []),
    ]),
    ...section('Applications', [
      ...(may('confab:ListWebhooks') ? [link('Webhooks', '#/webhooks')] : []),
      ...(may('confab:ListCredentials') ? [link('Credentials', '#/credentials')] : []),
    ]),
    ...section('Server', [
      ...(may('confab:GetServer') ? [link('Nodes and health', '#/server')] : []),
      ...(may('confab:GetMetrics') ? [link('Metrics', '#/metrics')] : []),
    ]),
  ];
}
