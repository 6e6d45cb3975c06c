import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import DatePicker from '@cloudscape-design/components/date-picker';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TimeInput from '@cloudscape-design/components/time-input';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { notifyError } from '../confab/notices';
import type { Message } from '../confab/operations';
import { may } from '../confab/session';
import { Nothing, Show } from '../parts/state';
import type { Asked } from './room-actions';

interface Question {
  senderUserId?: string;
  endTime?: string;
  includeDeleted?: boolean;
}

export function History({ arn, kept, ask }: { arn: string; kept?: string; ask: (a: Asked) => void }) {
  const [user, setUser] = useState('');
  const [day, setDay] = useState('');
  const [time, setTime] = useState('');
  const [deleted, setDeleted] = useState(false);
  const [question, setQuestion] = useState<Question>({});
  const [older, setOlder] = useState<{ question: Question; messages: Message[]; nextToken?: string }>();
  const [busy, setBusy] = useState(false);
  const list = (nextToken?: string) => confab('ListMessages', { roomIdentifier: arn, maxResults: 50, nextToken, ...question });
  const first = useLoad(() => list(), [arn, question]);
  if (!kept || kept === 'off') return <Nothing title="This room keeps no history" text="Set History in the room's settings, such as 24h." />;
  const more = older?.question === question ? older : undefined;
  const next = more ? more.nextToken : first.data?.nextToken;
  function search() {
    const end = day ? new Date(`${day}T${time || '23:59:59'}`) : undefined;
    setQuestion({ senderUserId: user.trim() || undefined, endTime: end?.toISOString(), includeDeleted: deleted || undefined });
  }
  async function load() {
    setBusy(true);
    try {
      const answer = await list(next);
      setOlder({ question, messages: [...(more?.messages ?? []), ...(answer.messages ?? [])], nextToken: answer.nextToken });
    } catch (error) {
      notifyError('Older messages were not loaded', error);
    }
    setBusy(false);
  }
  return (
    <SpaceBetween size="s">
      <form onSubmit={(e) => (e.preventDefault(), search())}>
        <SpaceBetween size="s">
          <FormField label="User ID"><Input value={user} onChange={({ detail }) => setUser(detail.value)} placeholder="Everybody" /></FormField>
          <FormField label="Up to the time">
            <SpaceBetween direction="horizontal" size="xs">
              <DatePicker value={day} onChange={({ detail }) => setDay(detail.value)} placeholder="YYYY/MM/DD" openCalendarAriaLabel={() => 'Choose a day'} ariaLabel="Day" />
              <TimeInput value={time} onChange={({ detail }) => setTime(detail.value)} format="hh:mm:ss" placeholder="hh:mm:ss" ariaLabel="Time" />
            </SpaceBetween>
          </FormField>
          {may('confab:ReadModerated') && <Checkbox checked={deleted} onChange={({ detail }) => setDeleted(detail.checked)}>With deleted messages</Checkbox>}
          <SpaceBetween direction="horizontal" size="xs">
            <Button formAction="submit">Show</Button>
            <Button formAction="none" iconName="refresh" ariaLabel="Load again" onClick={first.reload} />
          </SpaceBetween>
        </SpaceBetween>
      </form>
      <Show loaded={first}>
        {({ messages = [] }) => (
          <>
            {messages.length === 0 && !next && <Nothing title="No messages" />}
            <ol className="history" aria-label="History">
              {[...messages, ...(more?.messages ?? [])].map((m) => (
                <li key={m.id} className={`message ${m.deletedTime ? 'deleted' : ''}`}>
                  <time dateTime={m.sendTime}>{new Date(m.sendTime!).toLocaleString()}</time>
                  <bdi className="sender">{m.sender?.userId}</bdi>
                  <span className="text" dir="auto">{m.content}</span>
                  {m.deletedTime
                    ? <span className="attributes">deleted{m.deletedBy ? ` by ${m.deletedBy}` : ''}{m.reason ? `: ${m.reason}` : ''}</span>
                    : may('ivschat:DeleteMessage') && <span className="actions"><Button variant="inline-link" ariaLabel={`Delete the message of ${m.sender?.userId}`} onClick={() => ask({ kind: 'delete', messageId: m.id, userId: m.sender!.userId!, text: m.content })}>Delete</Button></span>}
                </li>
              ))}
            </ol>
            {next && <Button onClick={load} loading={busy}>Older messages</Button>}
          </>
        )}
      </Show>
    </SpaceBetween>
  );
}
