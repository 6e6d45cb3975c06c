// Who did what: the log of what moderators and content filters did.
import Button from '@cloudscape-design/components/button';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { type ReactNode, useState } from 'react';
import { confab } from '../confab/call';
import type { ModerationEvent } from '../confab/operations';
import { type Pages, search, usePages } from '../confab/pages';
import { byOf, detailsOf, eventActions, whatOf, whomOf } from '../parts/moderation-event';
import { type Moment, MomentField, isoOf, noMoment } from '../parts/moment';
import { More } from '../parts/more';
import { RoomChoice, RoomName, useRoomNames } from '../parts/room-choice';
import { Nothing, Show, Trouble } from '../parts/state';
import { When } from '../parts/when';

interface Question {
  roomIdentifier?: string;
  userId?: string;
  action?: string;
  startTime?: string;
  endTime?: string;
}

const every = { value: '', label: 'Everything' };
const options = [every, ...Object.entries(eventActions).map(([value, label]) => ({ value, label }))];

function useEvents({ action, ...question }: Question): Pages<ModerationEvent> {
  const is = action ? (e: ModerationEvent) => e.action === action : undefined;
  return usePages(JSON.stringify([action, question]), (nextToken) => search(async (maxResults, from) => {
    const { events = [], nextToken: next } = await confab('ListModerationEvents', { ...question, maxResults, nextToken: from });
    return { items: events, nextToken: next };
  }, (e) => e.time, is, nextToken), (e) => e.id!, 5000);
}

function Filters({ question, ask, children }: { question: Question; ask: (q: Question) => void; children?: ReactNode }) {
  const [user, setUser] = useState(question.userId ?? '');
  const [from, setFrom] = useState<Moment>(noMoment);
  const [to, setTo] = useState<Moment>(noMoment);
  const [timed, setTimed] = useState(false);
  const typed = { userId: user.trim() || undefined, startTime: isoOf(from, '00:00:00'), endTime: isoOf(to, '23:59:59') };
  return (
    <form onSubmit={(e) => (e.preventDefault(), ask({ ...question, ...typed }))}>
      <SpaceBetween size="xs">
        <div className="filters">
          {children}
          <FormField label="User ID"><Input value={user} onChange={({ detail }) => setUser(detail.value)} placeholder="Everybody" /></FormField>
          <FormField label="What was done">
            <Select
              options={options} selectedOption={options.find((o) => o.value === (question.action ?? ''))!}
              onChange={({ detail }) => ask({ ...question, ...typed, action: detail.selectedOption.value || undefined })}
            />
          </FormField>
          <Button formAction="submit">Show</Button>
        </div>
        <ExpandableSection headerText={question.startTime || question.endTime ? 'Time (set)' : 'Time'} expanded={timed} onChange={({ detail }) => setTimed(detail.expanded)}>
          <SpaceBetween size="s">
            <MomentField label="From" moment={from} onChange={setFrom} />
            <MomentField label="To" moment={to} onChange={setTo} />
          </SpaceBetween>
        </ExpandableSection>
      </SpaceBetween>
    </form>
  );
}

/** The log of one room. */
export function RoomLog({ arn, userId }: { arn: string; userId?: string }) {
  const [question, setQuestion] = useState<Question>({ userId });
  const pages = useEvents({ ...question, roomIdentifier: arn });
  return (
    <SpaceBetween size="s">
      <Filters question={question} ask={setQuestion} />
      <Show loaded={pages.loaded}>
        {() => (
          <SpaceBetween size="s">
            {pages.items.length === 0 && <Nothing title="Nothing was done" text="What moderators and content filters do in this room appears here." />}
            <ol className="entries" tabIndex={0} aria-label="Moderation log">
              {pages.items.map((e) => (
                <li key={e.id}>
                  <div className="entry-head">
                    <b>{whatOf(e)}</b>
                    <bdi className="entry-subject">{whomOf(e)}</bdi>
                    <When at={e.time} />
                  </div>
                  {e.reason && <div><bdi>{e.reason}</bdi></div>}
                  <div className="quiet"><bdi>{byOf(e) && `by ${byOf(e)}`}</bdi>{detailsOf(e).map((d) => <span key={d}> · {d}</span>)}</div>
                </li>
              ))}
            </ol>
            <More pages={pages} />
          </SpaceBetween>
        )}
      </Show>
    </SpaceBetween>
  );
}

/** The log of all rooms, or of one. */
export default function ModerationLog() {
  const [question, setQuestion] = useState<Question>({});
  const pages = useEvents(question);
  const names = useRoomNames();
  const { loaded } = pages;
  return (
    <SpaceBetween size="m">
      {loaded.problem && <Trouble problem={loaded.problem} reload={loaded.reload} />}
      <Table<ModerationEvent>
        variant="full-page" stickyHeader wrapLines enableKeyboardNavigation trackBy="id" items={pages.items} loading={loaded.loading && !loaded.data} loadingText="Loading"
        ariaLabels={{ tableLabel: 'Moderation log', selectionGroupLabel: '', itemSelectionLabel: () => '' }}
        header={
          <Header variant="h1" description="What moderators and content filters did, and why. It never contains what a message says." actions={<Button iconName="refresh" ariaLabel="Refresh" onClick={loaded.reload} />}>
            Moderation log
          </Header>
        }
        filter={<Filters question={question} ask={setQuestion}><RoomChoice arn={question.roomIdentifier ?? ''} every="All" onChange={(arn) => setQuestion({ ...question, roomIdentifier: arn || undefined })} /></Filters>}
        empty={loaded.data ? <Nothing title="Nothing was done" text="Deletions, bans, modes and hits of content filters appear here." /> : <Nothing title="Nothing was loaded" />}
        columnDefinitions={[
          { id: 'time', header: 'Time', isRowHeader: true, cell: (e) => <When at={e.time} /> },
          { id: 'what', header: 'What was done', cell: whatOf },
          { id: 'whom', header: 'User or range', cell: (e) => <bdi>{whomOf(e) || '–'}</bdi> },
          { id: 'room', header: 'Room', cell: (e) => <RoomName arn={e.roomArn} names={names} /> },
          { id: 'by', header: 'By', cell: (e) => <bdi>{byOf(e) || '–'}</bdi> },
          { id: 'reason', header: 'Reason', cell: (e) => <bdi>{e.reason || '–'}</bdi> },
          { id: 'details', header: 'Details', cell: (e) => detailsOf(e).join(' · ') || '–' },
        ]}
        footer={pages.more && <More pages={pages} />}
      />
    </SpaceBetween>
  );
}
