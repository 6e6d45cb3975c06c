// The pages of the console, and the menu that leads to them.
import Alert from '@cloudscape-design/components/alert';
import type { AppLayoutProps } from '@cloudscape-design/components/app-layout';
import Button from '@cloudscape-design/components/button';
import type { SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import { type ComponentType, type ReactNode, lazy } from 'react';
import { page } from './confab/page';
import { may } from './confab/session';
import { Refused, Titled } from './parts/state';

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

// Entry is a page of the table below. In its texts, :id and :name stand for what the address has there.
interface Entry {
  title: string;
  /** What it is called in the way to a page; its title if it is absent. */
  crumb?: string;
  layout?: AppLayoutProps.ContentType;
  /** The action without which the page is of no use. Of a page of one resource it is not known. */
  needs?: string;
  show: (id: string, name: string) => ReactNode;
}

const rooms: Entry = { title: 'Rooms', layout: 'table', show: () => <Rooms /> };

const pages: Record<string, Entry> = {
  '': page.dev ? { title: 'First minute', show: () => <Start /> } : rooms,
  'quick-start': { title: 'Quick start', show: () => <QuickStart /> },
  rooms,
  'rooms/new': { title: 'Create a room', layout: 'form', needs: 'ivschat:CreateRoom', show: () => <NewRoom /> },
  'rooms/:id': { title: 'Room :id', crumb: ':id', show: (id) => <Room id={id} /> },
  'rooms/:id/edit': { title: 'Edit :id', crumb: 'Edit', layout: 'form', show: (id) => <EditRoom id={id} /> },
  logging: { title: 'Logging configurations', layout: 'table', show: () => <Logging /> },
  'logging/new': { title: 'Create a logging configuration', crumb: 'Create', layout: 'form', needs: 'ivschat:CreateLoggingConfiguration', show: () => <NewLogging /> },
  'logging/:id': { title: 'Logging configuration :id', crumb: ':id', layout: 'form', show: (id) => <EditLogging id={id} /> },
  tokens: { title: 'Chat tokens', layout: 'form', needs: 'ivschat:CreateChatToken', show: () => <Tokens /> },
  bans: { title: 'Bans', layout: 'table', needs: 'confab:ListBans', show: () => <Bans /> },
  filters: { title: 'Content filters', layout: 'table', needs: 'confab:ListContentFilters', show: () => <Filters /> },
  'filters/new': { title: 'Create a filter', layout: 'form', needs: 'confab:PutContentFilter', show: () => <NewFilter /> },
  'filters/test': { title: 'Test the content filters', crumb: 'Test', layout: 'form', needs: 'confab:TestContentFilter', show: () => <TestFilters /> },
  'filters/:id/:name': { title: 'Filter :name', crumb: ':name', layout: 'form', show: (id, name) => <EditFilter room={id} name={name} /> },
  'moderation-log': { title: 'Moderation log', layout: 'table', needs: 'confab:ListModerationEvents', show: () => <ModerationLog /> },
  'erase-user': { title: 'Erase a user', layout: 'form', needs: 'confab:EraseUser', show: () => <EraseUser /> },
  webhooks: { title: 'Webhooks', layout: 'table', needs: 'confab:ListWebhooks', show: () => <Webhooks /> },
  'webhooks/new': { title: 'Create a webhook', layout: 'form', needs: 'confab:CreateWebhook', show: () => <NewWebhook /> },
  'webhooks/:id': { title: 'Edit a webhook', crumb: 'Edit', layout: 'form', show: (id) => <EditWebhook id={id} /> },
  credentials: { title: 'Credentials', layout: 'table', needs: 'confab:ListCredentials', show: () => <Credentials /> },
  'credentials/new': { title: 'Create an access key', layout: 'form', needs: 'confab:CreateCredentials', show: () => <NewCredentials /> },
  server: { title: 'Nodes and health', needs: 'confab:GetServer', show: () => <Server /> },
  metrics: { title: 'Metrics', layout: 'dashboard', needs: 'confab:GetMetrics', show: () => <Metrics /> },
};

// entryOf returns the page of an address: one with these words before one with an id.
function entryOf(route: string[]): Entry | undefined {
  const [first = '', id, name, ...rest] = route;
  const patterns = [route.join('/'), ...(id ? [`${first}/:id${name ? `/${name}` : ''}`] : []), ...(name ? [`${first}/:id/:name`] : [])];
  const found = rest.length === 0 ? patterns.find((p) => Object.hasOwn(pages, p)) : undefined;
  return found === undefined ? undefined : pages[found];
}

/** The page of an address. */
export function find(route: string[]): Page {
  const entry = entryOf(route);
  if (!entry) return { title: 'No such page', crumbs: [], layout: 'default', show: () => <Unknown /> };
  const [, id = '', name = ''] = route;
  const fill = (text: string) => text.replace(':id', () => id).replace(':name', () => name);
  const crumbs = route.flatMap((_, i) => {
    const way = route.slice(0, i + 1);
    const of = entryOf(way);
    return of ? [{ text: fill(of.crumb ?? of.title), href: `#/${way.map(encodeURIComponent).join('/')}` }] : [];
  });
  const { needs, layout = 'default' } = entry;
  const title = fill(entry.title);
  return { title, crumbs, layout, show: () => (needs && !may(needs) ? <Refused title={title} action={needs} /> : entry.show(id, name)) };
}

/** The one page of somebody who signed in with a chat token. */
export const staffPage: Page = { title: 'Room', crumbs: [], layout: 'default', show: () => <StaffRoom /> };

function Unknown() {
  return <Titled title="No such page"><Alert type="warning">The address may be from another version of Confab.</Alert></Titled>;
}

/** Leads to the pages that are of use. */
export function menu(): SideNavigationProps.Item[] {
  const links = (...paths: string[]) => paths.filter((p) => !pages[p].needs || may(pages[p].needs!)).map((p) => ({ type: 'link' as const, text: pages[p].title, href: `#/${p}` }));
  const section = (text: string, items: SideNavigationProps.Link[]) => (items.length > 0 ? [{ type: 'section' as const, text, items }] : []);
  return [
    ...(page.dev ? links('') : []),
    ...links('quick-start'),
    ...section('Chat', links('rooms', 'logging', 'tokens')),
    ...section('Moderation', links('bans', 'filters', 'moderation-log', 'erase-user')),
    ...section('Applications', links('webhooks', 'credentials')),
    ...section('Server', links('server', 'metrics')),
  ];
}
