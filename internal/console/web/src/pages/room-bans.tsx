import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useLoad } from '../confab/load';
import type { Ban } from '../confab/operations';
import { may } from '../confab/session';
import { isolated } from '../parts/isolated';
import { Nothing, Show } from '../parts/state';
import { when } from '../parts/when';
import { ChangeBan, LiftBan, bansOf, subjectOf, typeName } from './bans';

const nameOf = (b: Ban) => `${typeName(b.type).toLowerCase()} of ${subjectOf(b)}`;

/** The bans of one room, without those of every room. */
export function RoomBans({ arn }: { arn: string }) {
  const loaded = useLoad(() => bansOf(arn), [arn], 5000);
  const [open, setOpen] = useState<{ ban: Ban; Dialog: typeof LiftBan }>();
  return (
    <>
      <Show loaded={loaded}>
        {(bans) => (
          <SpaceBetween size="s">
            {bans.length === 0 && <Nothing title="Nobody is banned from this room" text="Bans of every room are under Moderation." />}
            <ul className="people-list" tabIndex={0} aria-label="Bans">
              {bans.map((b) => (
                <li key={b.id}>
                  <div>
                    <bdi><b>{subjectOf(b)}</b></bdi> <Badge>{typeName(b.type)}</Badge>
                    <Box variant="small" color="text-body-secondary" display="block">{b.expirationTime ? `until ${when(b.expirationTime)}` : 'until it is lifted'}{b.reason ? `: ${isolated(b.reason)}` : ''}</Box>
                  </div>
                  <SpaceBetween direction="horizontal" size="s">
                    {may('confab:UpdateBan') && <Button variant="inline-link" ariaLabel={`Change the ${nameOf(b)}`} onClick={() => setOpen({ ban: b, Dialog: ChangeBan })}>Change</Button>}
                    {may('confab:DeleteBan') && <Button variant="inline-link" ariaLabel={`Lift the ${nameOf(b)}`} onClick={() => setOpen({ ban: b, Dialog: LiftBan })}>Lift</Button>}
                  </SpaceBetween>
                </li>
              ))}
            </ul>
          </SpaceBetween>
        )}
      </Show>
      {open && (
        <open.Dialog
          ban={open.ban} onClose={(done) => {
            setOpen(undefined);
            if (done) loaded.reload();
          }}
        />
      )}
    </>
  );
}
