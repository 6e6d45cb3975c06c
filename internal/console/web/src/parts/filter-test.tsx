// What the content filters would do with a text, with each hit marked.
import Badge from '@cloudscape-design/components/badge';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { confab } from '../confab/call';
import type { ContentFilterMatch, TestContentFilterOutput } from '../confab/operations';
import { useSubmit } from '../confab/submit';
import { RoomChoice } from './room-choice';
import { Nothing, Trouble } from './state';

/** What happens to a message, by the action of a filter. */
export const actions = [
  { value: 'DENY', label: 'Refuse', description: 'The message is refused.' },
  { value: 'MASK', label: 'Mask', description: 'What matches becomes asterisks.' },
  { value: 'HIDE', label: 'Hide', description: 'Only its sender sees the message.' },
  { value: 'FLAG', label: 'Flag', description: 'The message is delivered, and noted in the moderation log.' },
] as const;

export const actionName = (action?: string) => actions.find((a) => a.value === action)?.label ?? (action === 'ALLOW' ? 'Allow' : action ?? '');

/** A text with its hits marked. Positions count code points. */
export function Marked({ text, hits }: { text: string; hits: ContentFilterMatch[] }) {
  const characters = [...text];
  const marked = characters.map((_, i) => hits.some((h) => h.start! <= i && i < h.end!));
  const pieces: { text: string; hit: boolean }[] = [];
  characters.forEach((c, i) => {
    if (pieces.length > 0 && pieces[pieces.length - 1].hit === marked[i]) pieces[pieces.length - 1].text += c;
    else pieces.push({ text: c, hit: marked[i] });
  });
  return <span className="marked" dir="auto">{pieces.map((p, i) => (p.hit ? <mark key={i}>{p.text}</mark> : <span key={i}>{p.text}</span>))}</span>;
}

export function FilterTest({ arn }: { arn?: string }) {
  const [content, setContent] = useState('');
  const [room, setRoom] = useState(arn ?? '');
  const [result, setResult] = useState<{ content: string; answer: TestContentFilterOutput }>();
  const { busy, trouble, onSubmit } = useSubmit(async () => {
    setResult(undefined);
    setResult({ content, answer: await confab('TestContentFilter', { content, roomIdentifier: room || undefined }) });
  });
  const hits = result?.answer.matches ?? [];
  return (
    <SpaceBetween size="l">
      <form onSubmit={onSubmit}>
        <Container
          header={<Header variant="h2" description="Nothing is sent. The stored filters decide: those of the room, and those of every room.">Test a text</Header>}
          footer={<Button formAction="submit" loading={busy} disabled={!content}>Test</Button>}
        >
          <SpaceBetween size="l">
            {trouble && <Trouble problem={trouble} />}
            <RoomChoice arn={room} onChange={setRoom} />
            <FormField label="Text" stretch><Textarea value={content} onChange={({ detail }) => setContent(detail.value)} rows={3} placeholder="A message" /></FormField>
          </SpaceBetween>
        </Container>
      </form>
      {result && (
        <Container header={<Header variant="h2" counter={`(${hits.length})`}>Result</Header>}>
          <div role="status" aria-label="Result of the test">
            <SpaceBetween size="l">
              <KeyValuePairs
                columns={3}
                items={[
                  { label: 'Action', value: <Badge color={result.answer.action === 'ALLOW' ? 'green' : 'red'}>{actionName(result.answer.action)}</Badge> },
                  { label: 'The text', value: <Marked text={result.content} hits={hits} /> },
                  result.answer.message ? { label: 'The sender reads', value: result.answer.message } : { label: 'Delivered', value: <span className="marked" dir="auto">{result.answer.content}</span> },
                ]}
              />
              <Table
                variant="embedded" items={hits} ariaLabels={{ tableLabel: 'Hits' }} empty={<Nothing title="No filter matches" />} wrapLines
                columnDefinitions={[
                  { id: 'text', header: 'Hit', isRowHeader: true, cell: (h) => <mark>{[...result.content].slice(h.start, h.end).join('')}</mark> },
                  { id: 'filter', header: 'Filter', cell: (h) => h.filter },
                  { id: 'rule', header: 'Rule', cell: (h) => <code>{h.rule}</code> },
                ]}
              />
            </SpaceBetween>
          </div>
        </Container>
      )}
    </SpaceBetween>
  );
}
