// What a moderator does to a message or a person, and the question before it.
import { DeleteMessageCommand, DisconnectUserCommand } from '@aws-sdk/client-ivschat';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import FormField from '@cloudscape-design/components/form-field';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import type { LiveRoom } from '../chat/live-room';
import { confab } from '../confab/call';
import type { CreateBanInput, DeleteUserMessagesOutput } from '../confab/operations';
import { notify } from '../confab/notices';
import { may, session } from '../confab/session';
import { count } from '../parts/count';
import { isolated } from '../parts/isolated';
import { Reason } from '../parts/reason';

export interface Asked {
  kind: 'delete' | 'disconnect' | 'ban' | 'mute' | 'hide' | 'clean';
  messageId?: string;
  userId: string;
  text?: string;
}

type Ask = (a: Asked) => void;

const kinds = {
  delete: { action: 'Delete', title: () => 'Delete the message', help: '' },
  disconnect: { action: 'Disconnect', title: (user: string) => `Disconnect ${user}`, help: 'All connections of this user to the room end. A new chat token lets the user in again.' },
  ban: { action: 'Ban', title: (user: string) => `Ban ${user}`, help: 'All connections of this user to the room end, and no chat token lets the user in again until the time is over.' },
  mute: { action: 'Mute', title: (user: string) => `Mute ${user}`, help: 'This user can read, and cannot send messages until the time is over.' },
  hide: { action: 'Hide', title: (user: string) => `Hide ${user}`, help: 'Only this user sees what this user sends, and does not notice it, until the time is over.' },
  clean: { action: 'Delete all', title: (user: string) => `Delete the messages of ${user}`, help: 'The messages of this user that the room still has, in memory or in its history, are deleted for everybody. At most 500 at once.' },
};

const timed = new Set(['ban', 'mute', 'hide']);

export const canDelete = () => may('ivschat:DeleteMessage');

interface Answer {
  reason?: string;
  durationInSeconds?: number;
  /** From when on messages are deleted. */
  since?: string;
}

const spans = [
  { value: '', label: 'All that the room has' },
  { value: '10', label: 'The last 10 minutes' },
  { value: '60', label: 'The last hour' },
  { value: '1440', label: 'The last day' },
];

// run does it: with a chat token, over its own connection where the operation needs an access key.
function run(arn: string, asked: Asked, live: LiveRoom | undefined, { reason, durationInSeconds, since }: Answer): Promise<unknown> {
  if (live && asked.kind === 'delete') return live.delete(asked.messageId!, reason);
  if (live && asked.kind === 'disconnect') return live.disconnectUser(asked.userId, reason);
  switch (asked.kind) {
    case 'delete': return session().ivschat.send(new DeleteMessageCommand({ roomIdentifier: arn, id: asked.messageId, reason }));
    case 'disconnect': return session().ivschat.send(new DisconnectUserCommand({ roomIdentifier: arn, userId: asked.userId, reason }));
    case 'clean': return confab('DeleteUserMessages', { roomIdentifier: arn, userId: asked.userId, reason, since });
    default: return confab('CreateBan', { roomIdentifier: arn, userId: asked.userId, type: asked.kind.toUpperCase() as CreateBanInput['type'], durationInSeconds, reason });
  }
}

/** The question; what was typed stays when the answer fails. */
export function Question({ arn, asked, live, onClose }: { arn: string; asked: Asked; live?: LiveRoom; onClose: (done: boolean) => void }) {
  const { action, title, help } = kinds[asked.kind];
  const [span, setSpan] = useState(spans[0]);
  return (
    <Reason
      title={title(isolated(asked.userId))} action={action} timed={timed.has(asked.kind)} onClose={onClose}
      run={async (reason, seconds) => {
        const answer = await run(arn, asked, live, { reason, durationInSeconds: seconds, since: span.value ? new Date(Date.now() - Number(span.value) * 60_000).toISOString() : undefined });
        if (asked.kind === 'clean') cleaned(asked.userId, answer as DeleteUserMessagesOutput);
        if (asked.kind === 'mute') notify('success', `${isolated(asked.userId)} was muted`);
        if (asked.kind === 'hide') notify('success', `${isolated(asked.userId)} is hidden from all others`);
      }}
    >
      {asked.kind === 'delete' ? <Box><bdi><b>{asked.userId}</b></bdi>: <bdi className="marked">{asked.text}</bdi></Box> : <Box>{help}</Box>}
      {asked.kind === 'clean' && (
        <FormField label="Which messages"><Select options={spans} selectedOption={span} onChange={({ detail }) => setSpan(spans.find((s) => s.value === detail.selectedOption.value)!)} /></FormField>
      )}
    </Reason>
  );
}

function cleaned(userId: string, { deleted = 0 }: DeleteUserMessagesOutput) {
  if (deleted > 0) notify('success', `${count(deleted, 'message')} of ${isolated(userId)} ${deleted === 1 ? 'is' : 'are'} deleted`);
  else notify('info', `The room has no messages of ${isolated(userId)}`);
}

/** What a moderator wants to know of a person. */
export type Look = (at: 'traces' | 'log', userId: string, messageId?: string) => void;

/** Buttons for a person, or for the sender of a message. */
export function PersonActions({ userId, messageId, ask, look }: { userId: string; messageId?: string; ask: Ask; look: Look }) {
  const more = [
    ...(may('confab:CreateBan') ? [{ id: 'hide', text: 'Hide from all others' }] : []),
    ...(may('confab:DeleteUserMessages') ? [{ id: 'clean', text: 'Delete all messages' }] : []),
    ...(may('confab:ListMessageTraces') ? [{ id: 'traces', text: messageId ? 'What happened to this message' : 'Why messages were refused' }] : []),
    ...(may('confab:ListModerationEvents') ? [{ id: 'log', text: 'What was done to this user' }] : []),
  ];
  const chosen = (id: string) => (id === 'clean' || id === 'hide' ? ask({ kind: id, userId }) : look(id as 'traces' | 'log', userId, messageId));
  const button = (kind: Asked['kind']) => (
    <Button key={kind} variant="inline-link" ariaLabel={`${kinds[kind].action} ${userId}`} onClick={() => ask({ kind, userId })}>{kinds[kind].action}</Button>
  );
  return (
    <SpaceBetween direction="horizontal" size="s">
      {may('ivschat:DisconnectUser') && button('disconnect')}
      {may('confab:CreateBan') && button('mute')}
      {may('confab:CreateBan') && button('ban')}
      {more.length > 0 && <ButtonDropdown variant="inline-icon" ariaLabel={`More about ${userId}`} items={more} expandToViewport onItemClick={({ detail }) => chosen(detail.id)} />}
    </SpaceBetween>
  );
}
