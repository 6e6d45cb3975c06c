// The nodes of the server, its limits, and what the signed-in policy allows.
import Alert from '@cloudscape-design/components/alert';
import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { Show } from '../parts/state';

export default function Server() {
  const server = useLoad(() => confab('GetServer', {}), [], 5000);
  return (
    <ContentLayout header={<Header variant="h1">Nodes and health</Header>}>
      <Show loaded={server}>
        {(s) => (
          <SpaceBetween size="l">
            {new Set(s.nodes?.map((n) => n.version)).size > 1 && <Alert type="info" header="The nodes run different versions">This is normal during an update.</Alert>}
            <Container>
              <KeyValuePairs
                columns={4}
                items={[
                  { label: 'Health', value: s.nodes?.every((n) => n.ready) ? <StatusIndicator>All nodes are ready</StatusIndicator> : <StatusIndicator type="warning">A node is not ready</StatusIndicator> },
                  { label: 'Connections', value: s.nodes?.reduce((sum, n) => sum + (n.connections ?? 0), 0).toLocaleString() },
                  { label: 'Live rooms', value: s.nodes?.reduce((sum, n) => sum + (n.homeRooms ?? 0), 0).toLocaleString() },
                  { label: 'Version', value: s.version },
                  { label: 'Region', value: s.region },
                  { label: 'Account', value: s.accountId },
                ]}
              />
              <Box padding={{ top: 'l' }}><KeyValuePairs columns={1} items={[{ label: 'Extensions', value: s.extensions?.join(', ') || 'None' }]} /></Box>
            </Container>
            <Table
              header={<Header variant="h2" counter={`(${s.nodes?.length ?? 0})`}>Nodes</Header>} items={s.nodes ?? []} ariaLabels={{ tableLabel: 'Nodes' }}
              columnDefinitions={[
                { id: 'name', header: 'Name', cell: (n) => n.name || 'This server', isRowHeader: true },
                { id: 'ready', header: 'State', cell: (n) => (n.ready ? <StatusIndicator wrapText={false}>Ready</StatusIndicator> : <StatusIndicator wrapText={false} type="warning">Not ready</StatusIndicator>) },
                { id: 'connections', header: 'Connections', cell: (n) => n.connections?.toLocaleString() },
                { id: 'rooms', header: 'Rooms at home', cell: (n) => n.homeRooms?.toLocaleString() },
                { id: 'version', header: 'Version', cell: (n) => n.version },
              ]}
            />
            <Container header={<Header variant="h2">Limits</Header>}>
              <KeyValuePairs columns={3} items={Object.entries(s.limits ?? {}).sort().map(([label, n]) => ({ label: words(label), value: n.toLocaleString() }))} />
            </Container>
            <Container header={<Header variant="h2" description="On every room. A policy for single rooms may allow more there.">What this access key is allowed</Header>}>
              <SpaceBetween direction="horizontal" size="xs">{s.allowedActions?.map((a) => <Badge key={a}>{a}</Badge>) ?? 'Nothing'}</SpaceBetween>
            </Container>
          </SpaceBetween>
        )}
      </Show>
    </ContentLayout>
  );
}

function words(name: string) {
  const text = name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`).replace(/-/g, ' ');
  return text[0].toUpperCase() + text.slice(1);
}
