// What a moderator does to a message or a person, and the question before it.
import { DeleteMessageCommand, DisconnectUserCommand } from '@aws-sdk/client-ivschat';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { LiveRoom } from '../chat/live-room';
import { confab } from '../confab/call';
import { notify } from '../confab/notices';
import { may, session } from '../confab/session';
import { Reason } from '../parts/reason';

export interface Asked {
  kind: 'delete' | 'disconnect' | 'ban' | 'mute';
  messageId?: string;
  userId: string;
  text?: string;
}

type Ask = (a: Asked) => void;

const kinds = {
  delete: { action: 'Delete', title: () => 'Delete the message', help: '' },
  disconnect: { action: 'Disconnect', title: (user: string) => `Disconnect ${user}`, help: 'All connections of this user to the room end. A new chat token lets the user in again.' },
  ban: { action: 'Ban', title: (user: string) => `Ban ${user}`, help: 'All connections of this user to the room end, and no chat token lets the user in again before the time is over.' },
  mute: { action: 'Mute', title: (user: string) => `Mute ${user}`, help: 'This user reads on, and cannot send messages before the time is over.' },
};

export const canDelete = () => may('ivschat:DeleteMessage');

// run does it: with a chat token, over its own connection where the operation needs an access key.
function run(arn: string, asked: Asked, live: LiveRoom | undefined, reason: string | undefined, durationInSeconds: number | undefined): Promise<unknown> {
  if (live && asked.kind === 'delete') return live.delete(asked.messageId!, reason);
  if (live && asked.kind === 'disconnect') return live.disconnectUser(asked.userId, reason);
  switch (asked.kind) {
    case 'delete': return session().ivschat.send(new DeleteMessageCommand({ roomIdentifier: arn, id: asked.messageId, reason }));
    case 'disconnect': return session().ivschat.send(new DisconnectUserCommand({ roomIdentifier: arn, userId: asked.userId, reason }));
    default: return confab('CreateBan', { roomIdentifier: arn, userId: asked.userId, type: asked.kind === 'ban' ? 'BAN' : 'MUTE', durationInSeconds, reason });
  }
}

/** The question; what was typed stays when the answer fails. */
export function Question({ arn, asked, live, onClose }: { arn: string; asked: Asked; live?: LiveRoom; onClose: () => void }) {
  const { action, title, help } = kinds[asked.kind];
  return (
    <Reason
      title={title(asked.userId)} action={action} timed={asked.kind === 'ban' || asked.kind === 'mute'} onClose={onClose}
      run={async (reason, seconds) => {
        await run(arn, asked, live, reason, seconds);
        if (asked.kind === 'mute') notify('success', `${asked.userId} was muted`);
      }}
    >
      {asked.kind === 'delete' ? <Box><bdi><b>{asked.userId}</b></bdi>: <bdi className="marked">{asked.text}</bdi></Box> : <Box>{help}</Box>}
    </Reason>
  );
}

/** Buttons for a person. */
export function PersonActions({ userId, ask }: { userId: string; ask: Ask }) {
  const button = (kind: Asked['kind']) => (
    <Button key={kind} variant="inline-link" ariaLabel={`${kinds[kind].action} ${userId}`} onClick={() => ask({ kind, userId })}>{kinds[kind].action}</Button>
  );
  return (
    <SpaceBetween direction="horizontal" size="s">
      {may('ivschat:DisconnectUser') && button('disconnect')}
      {may('confab:CreateBan') && button('mute')}
      {may('confab:CreateBan') && button('ban')}
    </SpaceBetween>
  );
}
