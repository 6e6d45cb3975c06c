import AppLayout from '@cloudscape-design/components/app-layout';
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import Container from '@cloudscape-design/components/container';
import ErrorBoundary from '@cloudscape-design/components/error-boundary';
import Flashbar from '@cloudscape-design/components/flashbar';
import Header from '@cloudscape-design/components/header';
import SideNavigation from '@cloudscape-design/components/side-navigation';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TopNavigation from '@cloudscape-design/components/top-navigation';
import { Suspense, lazy, useEffect, useState } from 'react';
import { isLent } from './chat/lent';
import { useNotices } from './confab/notices';
import { useVersionNotice } from './confab/outdated';
import { page } from './confab/page';
import { type Problem, passing, problem, retried } from './confab/problem';
import { useRoute } from './confab/router';
import { type Session, known, signIn, signOut, useSession } from './confab/session';
import { toggleTheme, useDark } from './confab/theme';
import { find, menu, staffPage } from './pages';
import { SignIn, SignInAgain } from './pages/sign-in';
import { Titled, Trouble } from './parts/state';

const ChatWindow = lazy(() => import('./pages/chat-window'));

const themeIcon = (
  <svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <circle cx="8" cy="8" r="6" fill="none" />
    <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" stroke="none" />
  </svg>
);

export function App() {
  const [lent] = useState(isLent);
  return lent ? <Suspense><ChatWindow /></Suspense> : <Main />;
}

function Main() {
  const session = useSession();
  const dark = useDark();
  return (
    <>
      <div id="top">
        <TopNavigation
          identity={{ href: '#/', title: 'Confab' }}
          utilities={[
            ...(session?.server ? [{ type: 'button' as const, text: `${session.server.region} · ${session.server.accountId}`, href: '#/server' }] : []),
            { type: 'button', iconSvg: themeIcon, ariaLabel: dark ? 'Light colors' : 'Dark colors', title: dark ? 'Light colors' : 'Dark colors', onClick: toggleTheme },
            ...(session ? [{
              type: 'menu-dropdown' as const, text: session.staff ? 'Moderator' : session.keys.accessKeyId, iconName: 'user-profile' as const,
              items: [{ id: 'out', text: 'Sign out' }], onItemClick: signOut,
            }] : []),
          ]}
        />
      </div>
      {session ? <Console key={session.id} session={session} /> : <Door />}
      {session?.asking && <SignInAgain />}
    </>
  );
}

/** Signs in with the keys that the page has, or asks for some. */
function Door() {
  const [keys, setKeys] = useState(known);
  const [trouble, setTrouble] = useState<Problem>();
  useEffect(() => {
    if (!keys) return;
    let timer: ReturnType<typeof setTimeout>;
    const attempt = () => signIn(keys, false).catch((error) => {
      const p = problem(error);
      setTrouble(passing(p) ? retried(p) : p);
      if (passing(p)) timer = setTimeout(attempt, 2000);
      else setKeys(undefined);
    });
    attempt();
    return () => clearTimeout(timer);
  }, [keys]);
  if (!keys) return <SignIn trouble={trouble} />;
  return (
    <main className="sign-in">
      <Container header={<Header variant="h1">Sign in</Header>}>
        {trouble ? <Trouble problem={trouble} /> : <StatusIndicator type="loading">Signing in</StatusIndicator>}
      </Container>
    </main>
  );
}

function Console({ session }: { session: Session }) {
  useVersionNotice();
  const route = useRoute();
  const notices = useNotices();
  const wide = matchMedia('(min-width: 1000px)').matches;
  const [open, setOpen] = useState(wide);
  const found = session.staff ? staffPage : find(route);
  const path = `#/${route.map(encodeURIComponent).join('/')}`;
  useEffect(() => {
    document.title = `${found.title} · Confab`;
    if (!wide) setOpen(false);
  }, [found.title, path]);
  return (
    <>
      <section className="notices" aria-label="Notices"><Flashbar items={notices} /></section>
      <AppLayout
        headerSelector="#top"
        toolsHide
        navigationHide={!!session.staff}
        navigationOpen={open}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        navigationWidth={240}
        contentType={found.layout}
        maxContentWidth={1600}
        breadcrumbs={found.crumbs.length > 0 ? <BreadcrumbGroup items={[{ text: 'Confab', href: '#/' }, ...found.crumbs]} ariaLabel="Breadcrumbs" /> : undefined}
        navigation={
          <SideNavigation
            activeHref={`#/${route[0] ?? (page.dev ? '' : 'rooms')}`}
            items={menu()}
            header={{ text: 'Chat console', href: '#/' }}
          />
        }
        content={
          <ErrorBoundary key={path} onError={() => undefined}>
            <Suspense fallback={<Titled title={found.title}><StatusIndicator type="loading">Loading</StatusIndicator></Titled>}>{found.show()}</Suspense>
          </ErrorBoundary>
        }
      />
    </>
  );
}
