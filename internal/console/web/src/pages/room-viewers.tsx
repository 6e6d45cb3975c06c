// How many people were in a room over the last hours.
import Box from '@cloudscape-design/components/box';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import LineChart from '@cloudscape-design/components/line-chart';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import type { GetRoomPresenceOutput } from '../confab/operations';
import { type Seen, minute, seenOf } from '../confab/viewers';
import { chartStrings } from '../parts/chart';
import { when } from '../parts/when';

const spans: Record<string, number> = { '30 min': 30, '2 hours': 120, '6 hours': 360 };

export function Viewers({ arn, now }: { arn: string; now?: GetRoomPresenceOutput | null }) {
  const [span, setSpan] = useState('30 min');
  const all = seenOf(arn);
  const end = Date.now();
  const start = end - spans[span] * minute;
  const shown = all.filter(([at]) => at >= start - minute);
  const most = shown.reduce((best, point) => (point[1] > best[1] ? point : best), [0, 0] as Seen);
  const time = (at: number) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <SpaceBetween size="m">
      <SegmentedControl selectedId={span} label="Time" onChange={({ detail }) => setSpan(detail.selectedId)} options={Object.keys(spans).map((id) => ({ id, text: id }))} />
      <KeyValuePairs
        columns={3}
        items={[
          { label: 'Now', value: now?.users?.toLocaleString() ?? '–' },
          { label: 'Most in this time', value: most[0] ? `${most[1].toLocaleString()} at ${time(most[0])}` : '–' },
          ...(now?.peakUsers !== undefined && now.peakTime ? [{ label: 'Most ever', value: `${now.peakUsers.toLocaleString()} at ${when(now.peakTime)}` }] : []),
        ]}
      />
      <LineChart
        series={pieces(shown).map((data) => ({ title: 'People', type: 'line' as const, color: 'var(--accent)', data: data.map(([at, y]) => ({ x: new Date(at), y })) }))}
        xDomain={[new Date(start), new Date(end)]} yDomain={[0, Math.max(1, most[1]) * 1.1]} xScaleType="time" height={170} hideFilter hideLegend ariaLabel="People in the room"
        xTickFormatter={(x) => time(x.getTime())} yTickFormatter={(y) => (Number.isInteger(y) ? y.toLocaleString() : '')}
        empty={<Box textAlign="center" color="inherit">No data for this time</Box>} i18nStrings={chartStrings}
      />
      <Box variant="small" color="text-body-secondary">
        {all.length > 0 ? `Seen since ${when(all[0][0])}, while this browser showed the room or the list of rooms. ` : ''}
        The server does not record this; the browser keeps what it saw for six hours.
      </Box>
    </SpaceBetween>
  );
}

// pieces divides what was seen where nobody looked for more than two minutes, so that no line
// is drawn over what is not known.
function pieces(points: Seen[]): Seen[][] {
  const all: Seen[][] = [];
  points.forEach((point, i) => {
    if (i === 0 || point[0] - points[i - 1][0] > 2 * minute) all.push([]);
    all[all.length - 1].push(point);
  });
  return all;
}
