// How a part of a page shows that it has no data: it loads, it failed, or there is none.
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { ReactNode } from 'react';
import type { Loaded } from '../confab/load';
import { type Problem, lacking } from '../confab/problem';
import { askAgain, has, useSession } from '../confab/session';

export function Trouble({ problem, reload }: { problem: Problem; reload?: () => void }) {
  const session = useSession();
  const action =
    problem.kind === 'signature' ? session && <Button onClick={() => askAgain(true)}>Sign in again</Button>
    : reload && problem.kind !== 'denied' && problem.kind !== 'missing' ? <Button onClick={reload}>Try again</Button>
    : undefined;
  return <Alert type={problem.kind === 'denied' || problem.kind === 'missing' ? 'warning' : 'error'} header={problem.title} action={action}>{problem.text}</Alert>;
}

/** A page that has only its title and a few words. */
export function Titled({ title, children }: { title: string; children: ReactNode }) {
  return <ContentLayout header={<Header variant="h1">{title}</Header>}>{children}</ContentLayout>;
}

/** A page that needs an action which is not allowed, or which the server does not have. */
export function Refused({ title, action }: { title: string; action: string }) {
  const [service, operation] = action.split(':');
  const denied: Problem = { kind: 'denied', title: 'Not allowed', text: `This page needs the action ${action}, which your policy does not allow on every room.` };
  return <Titled title={title}><Trouble problem={service === 'confab' && !has(operation) ? lacking : denied} /></Titled>;
}

interface ShowProps<T> {
  loaded: Pick<Loaded<T>, 'data' | 'problem' | 'reload'>;
  /** The title of the page, where only the data brings one. */
  title?: string;
  children: (data: T) => ReactNode;
}

/** Shows data with what is wrong above it, or why there is none. */
export function Show<T>({ loaded, title, children }: ShowProps<T>) {
  const { data, problem, reload } = loaded;
  if (title !== undefined && data === undefined) return <Titled title={title}><Show loaded={loaded}>{children}</Show></Titled>;
  if (data === undefined && !problem) return <Box padding="l" textAlign="center"><StatusIndicator type="loading">Loading</StatusIndicator></Box>;
  return (
    <SpaceBetween size="m">
      {problem && <Trouble problem={problem} reload={reload} />}
      {data !== undefined && children(data)}
    </SpaceBetween>
  );
}

export function Nothing({ title, text, action }: { title: string; text?: string; action?: ReactNode }) {
  return (
    <Box textAlign="center" color="inherit" padding={{ vertical: 's' }}>
      <SpaceBetween size="xs">
        <b>{title}</b>
        {text && <Box variant="p" color="inherit">{text}</Box>}
        {action}
      </SpaceBetween>
    </Box>
  );
}

export function ConnectionState({ state }: { state: string }) {
  if (state === 'connected') return <StatusIndicator>Connected</StatusIndicator>;
  if (state === 'connecting') return <StatusIndicator type="in-progress">Connecting</StatusIndicator>;
  return <StatusIndicator type="error">Not connected</StatusIndicator>;
}
