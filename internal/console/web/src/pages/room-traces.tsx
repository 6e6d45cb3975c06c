// What happened to the last attempts to send a message: why one was refused.
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import { useEffect, useRef, useState } from 'react';
import { confab } from '../confab/call';
import type { ListMessageTracesInput, MessageTrace } from '../confab/operations';
import { usePages } from '../confab/pages';
import { count } from '../parts/count';
import { explain } from '../parts/rules';
import { More } from '../parts/more';
import { Nothing, Show } from '../parts/state';
import { When } from '../parts/when';

type Result = NonNullable<ListMessageTracesInput['result']>;

const results: Record<Result, { label: string; type: StatusIndicatorProps.Type }> = {
  REFUSED: { label: 'Refused', type: 'error' },
  CHANGED: { label: 'Changed', type: 'warning' },
  HIDDEN: { label: 'Hidden', type: 'info' },
  DELIVERED: { label: 'Delivered', type: 'success' },
};
const every = { value: '', label: 'Every result' };
const options = [every, ...Object.entries(results).map(([value, { label }]) => ({ value, label }))];

/** Whose traces are shown first, and of which message. */
export interface Traced {
  userId: string;
  messageId?: string;
}

const idOf = (t: MessageTrace) => `${t.time} ${t.userId} ${t.messageId} ${t.node} ${t.milliseconds?.total}`;

export function Traces({ arn, of }: { arn: string; of?: Traced }) {
  const [user, setUser] = useState(of?.userId ?? '');
  const [question, setQuestion] = useState<{ userId?: string; result?: Result }>({ userId: of?.userId });
  const pages = usePages(JSON.stringify([arn, question]), async (nextToken) => {
    const { traces = [], nextToken: next } = await confab('ListMessageTraces', { roomIdentifier: arn, maxResults: 50, nextToken, ...question });
    return { items: traces, nextToken: next };
  }, idOf, 5000);
  const found = !of?.messageId || pages.items.some((t) => t.messageId === of.messageId);
  return (
    <SpaceBetween size="s">
      <form onSubmit={(e) => (e.preventDefault(), setQuestion({ ...question, userId: user.trim() || undefined }))}>
        <div className="filters">
          <FormField label="User ID"><Input value={user} onChange={({ detail }) => setUser(detail.value)} placeholder="Everybody" /></FormField>
          <FormField label="Result">
            <Select
              options={options} selectedOption={options.find((o) => o.value === (question.result ?? ''))!}
              onChange={({ detail }) => setQuestion({ userId: user.trim() || undefined, result: (detail.selectedOption.value || undefined) as Result | undefined })}
            />
          </FormField>
          <Button formAction="submit">Show</Button>
        </div>
      </form>
      <Show loaded={pages.loaded}>
        {() => (
          <SpaceBetween size="s">
            {pages.items.length === 0 && <Nothing title="No attempts" text="The server remembers the last attempts to send a message in this room, until it restarts." />}
            {!found && pages.items.length > 0 && !pages.more && <Box color="text-body-secondary">The server no longer remembers this message.</Box>}
            <ol className="entries" tabIndex={0} aria-label="Attempts to send">
              {pages.items.map((t) => <Trace key={idOf(t)} trace={t} chosen={!!of?.messageId && t.messageId === of.messageId} />)}
            </ol>
            <More pages={pages} />
          </SpaceBetween>
        )}
      </Show>
    </SpaceBetween>
  );
}

function Trace({ trace: t, chosen }: { trace: MessageTrace; chosen: boolean }) {
  const row = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (chosen) row.current?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  const { label, type } = results[t.result as Result] ?? { label: t.result, type: 'info' };
  const delivered = t.result === 'DELIVERED' || t.result === 'CHANGED';
  return (
    <li ref={row} aria-current={chosen || undefined}>
      <div className="entry-head">
        <StatusIndicator type={type}>{label}</StatusIndicator>
        <bdi className="entry-subject">{t.userId}</bdi>
        <When at={t.time} />
      </div>
      {t.rule && <div>{explain(t.rule)}</div>}
      {t.errorMessage && <div className="quiet">The sender read: {t.errorCode} <bdi>{t.errorMessage}</bdi></div>}
      <div className="quiet">{[...(delivered ? [count(t.deliveries ?? 0, 'delivery', 'deliveries')] : []), durations(t), ...(t.node ? [`node ${t.node}`] : [])].join(' · ')}</div>
    </li>
  );
}

// durations says how long an attempt took, and which parts of it took long.
function durations({ milliseconds: ms = {} }: MessageTrace): string {
  const show = (n = 0) => `${n.toLocaleString(undefined, { maximumSignificantDigits: 2 })} ms`;
  const parts = ([['filters', ms.filter], ['review', ms.review], ['storing', ms.transcript]] as const).filter(([, n]) => n && n >= 0.1);
  return show(ms.total) + (parts.length > 0 ? ` (${parts.map(([name, n]) => `${name} ${show(n)}`).join(', ')})` : '');
}
