// How the server's metrics developed. A restart begins anew.
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Grid from '@cloudscape-design/components/grid';
import Header from '@cloudscape-design/components/header';
import LineChart from '@cloudscape-design/components/line-chart';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import type { MetricSeries } from '../confab/operations';
import { chartStrings } from '../parts/chart';
import { Show } from '../parts/state';

interface Chart {
  title: string;
  name: string;
  unit: string;
  /** The label whose values are lines of their own. */
  by?: string;
  rate?: boolean;
  milliseconds?: boolean;
  /** Whether it counts things, of which there are no parts. */
  whole?: boolean;
}

const charts: Chart[] = [
  { title: 'Connections', name: 'confab_concurrent_chat_connections', unit: 'connections', whole: true },
  { title: 'Live rooms', name: 'confab_live_rooms', unit: 'rooms', whole: true },
  { title: 'Requests of clients', name: 'confab_messaging_requests_total', unit: 'a second', by: 'action', rate: true },
  { title: 'Deliveries', name: 'confab_messaging_deliveries_total', unit: 'a second', by: 'action', rate: true },
  { title: 'Time to publish', name: 'confab_publish_duration_seconds', unit: 'ms', by: 'quantile', milliseconds: true },
  { title: 'Refusals', name: 'confab_error_frames_total', unit: 'a second', by: 'code', rate: true },
  { title: 'Handshakes', name: 'confab_handshakes_total', unit: 'a second', by: 'result', rate: true },
  { title: 'Time of message review', name: 'confab_review_duration_seconds', unit: 'ms', by: 'quantile', milliseconds: true },
  { title: 'Calls of the API', name: 'confab_api_requests_total', unit: 'a second', by: 'exception', rate: true },
  { title: 'Delay of chat logging', name: 'confab_log_lag_seconds', unit: 'seconds', by: 'destination' },
];

const spans: Record<string, { minutes: number; period: number }> = {
  '15 min': { minutes: 15, period: 10 }, '1 hour': { minutes: 60, period: 30 }, '6 hours': { minutes: 360, period: 180 },
};

export default function Metrics() {
  const [span, setSpan] = useState('15 min');
  const { minutes, period } = spans[span];
  const loaded = useLoad(async () => {
    const end = new Date();
    const start = new Date(end.getTime() - minutes * 60_000 + 1000);
    const { series } = await confab('GetMetrics', { names: charts.map((c) => c.name), startTime: start.toISOString(), endTime: end.toISOString(), periodInSeconds: period });
    return { series: series ?? [], start, end };
  }, [span], 10_000);
  return (
    <ContentLayout
      header={
        <Header variant="h1" description="All nodes together. The server keeps them in memory for six hours." actions={<SegmentedControl selectedId={span} label="Time" onChange={({ detail }) => setSpan(detail.selectedId)} options={Object.keys(spans).map((id) => ({ id, text: id }))} />}>
          Metrics
        </Header>
      }
    >
      <Show loaded={loaded}>
        {({ series, start, end }) => (
          <Grid gridDefinition={charts.map(() => ({ colspan: { default: 12, s: 6 } }))}>
            {charts.map((c) => <Panel key={c.name} chart={c} series={lines(c, series)} start={start} end={end} />)}
          </Grid>
        )}
      </Show>
    </ContentLayout>
  );
}

interface Line {
  title: string;
  type: 'line';
  data: { x: Date; y: number }[];
}

// lines sums the series of a metric over all labels but the chart's.
function lines(chart: Chart, all: MetricSeries[]): Line[] {
  const sums = new Map<string, Map<number, number>>();
  for (const s of all.filter((m) => m.name === chart.name)) {
    const label = (chart.by && s.labels?.[chart.by]) || (chart.by === 'exception' ? 'answered' : chart.title);
    const name = chart.by === 'quantile' ? `p${Number(label) * 100}` : label;
    const line = sums.get(name) ?? new Map<number, number>();
    sums.set(name, line);
    const from = Date.parse(s.startTime!);
    s.values?.forEach((v, i) => {
      if (v === null || v === undefined) return;
      const x = from + i * s.periodInSeconds! * 1000;
      const y = chart.rate ? v / s.periodInSeconds! : chart.milliseconds ? v * 1000 : v;
      // Quantiles of several labels cannot be added; the largest one is what matters.
      line.set(x, chart.by === 'quantile' ? Math.max(line.get(x) ?? 0, y) : (line.get(x) ?? 0) + y);
    });
  }
  return [...sums].sort(([a], [b]) => a.localeCompare(b)).slice(0, 8).map(([title, points]) => ({ title, type: 'line', data: [...points].map(([x, y]) => ({ x: new Date(x), y })) }));
}

function Panel({ chart, series, start, end }: { chart: Chart; series: Line[]; start: Date; end: Date }) {
  const top = Math.max(1, ...series.flatMap((s) => s.data.map((d) => d.y)));
  return (
    <Container fitHeight header={<Header variant="h2" description={chart.unit}>{chart.title}</Header>}>
      <LineChart
        series={series} xDomain={[start, end]} yDomain={[0, top * 1.1]} xScaleType="time" height={170} hideFilter hideLegend={series.length < 2} ariaLabel={chart.title}
        xTickFormatter={(x) => x.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })} yTickFormatter={(y) => (chart.whole && !Number.isInteger(y) ? '' : y.toLocaleString(undefined, { maximumSignificantDigits: 3 }))}
        empty={<Box textAlign="center" color="inherit">No data for this time</Box>} noMatch={<Box textAlign="center" color="inherit">No data for this time</Box>}
        i18nStrings={chartStrings}
      />
    </Container>
  );
}
