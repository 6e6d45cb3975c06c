import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { confab } from '../confab/call';
import type { Message } from '../confab/operations';
import { search, usePages } from '../confab/pages';
import { may } from '../confab/session';
import { fold, hits } from '../parts/fold';
import { Found } from '../parts/found';
import { type Moment, MomentField, isoOf, noMoment } from '../parts/moment';
import { More } from '../parts/more';
import { Nothing, Show } from '../parts/state';
import { When } from '../parts/when';
import type { Asked } from './room-actions';

interface Question {
  senderUserId?: string;
  endTime?: string;
  includeDeleted?: boolean;
  includeHidden?: boolean;
  /** What messages have in them, folded. */
  word?: string;
}

function messages(arn: string, { word, ...question }: Question, nextToken?: string) {
  const has = word ? (m: Message) => hits(m.content ?? '', word).length > 0 : undefined;
  return search(async (maxResults, from) => {
    const { messages: items = [], nextToken: next } = await confab('ListMessages', { roomIdentifier: arn, maxResults, nextToken: from, ...question });
    return { items, nextToken: next };
  }, (m) => m.sendTime, has, nextToken);
}

export function History({ arn, kept, ask }: { arn: string; kept?: string; ask: (a: Asked) => void }) {
  const [text, setText] = useState('');
  const [user, setUser] = useState('');
  const [end, setEnd] = useState<Moment>(noMoment);
  const [deleted, setDeleted] = useState(false);
  const [hidden, setHidden] = useState(false);
  const [question, setQuestion] = useState<Question>({});
  const pages = usePages(JSON.stringify([arn, question]), (nextToken) => messages(arn, question, nextToken), (m) => m.id!);
  if (!kept || kept === 'off') return <Nothing title="This room keeps no history" text="Set History in the room's settings, such as 24h." />;
  const { items, unfinished } = pages;
  const show = () => setQuestion({ word: fold(text.trim()).folded || undefined, senderUserId: user.trim() || undefined, endTime: isoOf(end, '23:59:59'), includeDeleted: deleted || undefined, includeHidden: hidden || undefined });
  return (
    <SpaceBetween size="s">
      <form onSubmit={(e) => (e.preventDefault(), show())}>
        <SpaceBetween size="s">
          <div className="filters">
            <FormField label="Text"><Input type="search" value={text} onChange={({ detail }) => setText(detail.value)} placeholder="Any" clearAriaLabel="Clear" /></FormField>
            <FormField label="User ID"><Input value={user} onChange={({ detail }) => setUser(detail.value)} placeholder="Everybody" /></FormField>
          </div>
          <MomentField label="Up to the time" moment={end} onChange={setEnd} />
          {may('confab:ReadModerated') && (
            <div>
              <Checkbox checked={deleted} onChange={({ detail }) => setDeleted(detail.checked)}>With deleted messages</Checkbox>
              <Checkbox checked={hidden} onChange={({ detail }) => setHidden(detail.checked)} description="Of users and messages that only their sender sees.">With hidden messages</Checkbox>
            </div>
          )}
          <SpaceBetween direction="horizontal" size="xs">
            <Button formAction="submit">Show</Button>
            <Button formAction="none" iconName="refresh" ariaLabel="Refresh" onClick={pages.loaded.reload} />
          </SpaceBetween>
        </SpaceBetween>
      </form>
      <Show loaded={pages.loaded}>
        {() => (
          <>
            {items.length === 0 && <Nothing title="No messages" text={unfinished && `None since ${unfinished}.`} />}
            <ol className="history" tabIndex={0} aria-label="History">
              {items.map((m) => (
                <li key={m.id} className={`message ${m.deletedTime ? 'deleted' : ''}`}>
                  <When at={m.sendTime} />
                  <bdi className="sender">{m.sender?.userId}</bdi>
                  <span className="text" dir="auto"><Found text={m.content ?? ''} word={question.word ?? ''} /></span>
                  {m.hidden && <span className="attributes">hidden: only <bdi>{m.sender?.userId}</bdi> saw it</span>}
                  {m.deletedTime
                    ? <span className="attributes">deleted{m.deletedBy && <> by <bdi>{m.deletedBy}</bdi></>}{m.reason && <>: <bdi>{m.reason}</bdi></>}</span>
                    : may('ivschat:DeleteMessage') && <span className="actions"><Button variant="inline-link" ariaLabel={`Delete the message of ${m.sender?.userId}`} onClick={() => ask({ kind: 'delete', messageId: m.id, userId: m.sender!.userId!, text: m.content })}>Delete</Button></span>}
                </li>
              ))}
            </ol>
            <More pages={pages} text="Older messages" />
          </>
        )}
      </Show>
    </SpaceBetween>
  );
}
