import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useLoad } from '../confab/load';
import type { Ban } from '../confab/operations';
import { may } from '../confab/session';
import { until } from '../parts/lasts';
import { Nothing, Show } from '../parts/state';
import { LiftBan, bansOf, subjectOf, typeName } from './bans';

/** The bans of one room, without those of every room. */
export function RoomBans({ arn }: { arn: string }) {
  const loaded = useLoad(() => bansOf(arn), [arn], 5000);
  const [lifting, setLifting] = useState<Ban>();
  return (
    <>
      <Show loaded={loaded}>
        {(bans) => (
          <SpaceBetween size="s">
            {bans.length === 0 && <Nothing title="Nobody is banned from this room" text="Bans of every room are under Moderation." />}
            <ul className="people-list" aria-label="Bans">
              {bans.map((b) => (
                <li key={b.id}>
                  <div>
                    <bdi><b>{subjectOf(b)}</b></bdi> <Badge>{typeName(b.type)}</Badge>
                    <Box variant="small" color="text-body-secondary" display="block">{b.expirationTime ? `until ${until(b.expirationTime)}` : 'for good'}{b.reason ? `: ${b.reason}` : ''}</Box>
                  </div>
                  {may('confab:DeleteBan') && <Button variant="inline-link" ariaLabel={`Lift the ${typeName(b.type).toLowerCase()} of ${subjectOf(b)}`} onClick={() => setLifting(b)}>Lift</Button>}
                </li>
              ))}
            </ul>
          </SpaceBetween>
        )}
      </Show>
      {lifting && (
        <LiftBan
          ban={lifting} onClose={(done) => {
            setLifting(undefined);
            if (done) loaded.reload();
          }}
        />
      )}
    </>
  );
}
