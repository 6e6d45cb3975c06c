// What moderators switch in a live room, for a time or until they switch it back.
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Toggle from '@cloudscape-design/components/toggle';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { notifyError } from '../confab/notices';
import type { Mode, UpdateRoomModesInput } from '../confab/operations';
import { may } from '../confab/session';
import { isolated } from '../parts/isolated';
import { Lasts, type Time, forever, secondsOf, valid } from '../parts/lasts';
import { Show } from '../parts/state';
import { when } from '../parts/when';

interface Switch {
  name: string;
  member: 'slowMode' | 'send' | 'links' | 'repeat';
  label: string;
  help: string;
  off: string;
  /** The values it may have when it is on; the first is the usual one. */
  values: { value: string; label: string }[];
}

const times = (...values: string[]) => values.map((value) => ({ value, label: value }));
const people = [{ value: 'staff', label: 'Staff only' }, { value: 'nobody', label: 'Nobody' }];

const switches: Switch[] = [
  { name: 'slow-mode', member: 'slowMode', label: 'Slow mode', help: 'Each user waits between two messages.', off: 'off', values: times('10s', '5s', '30s', '1m', '5m', '15m', '1h') },
  { name: 'send', member: 'send', label: 'Restrict sending', help: 'Who may send messages.', off: 'all', values: people },
  { name: 'links', member: 'links', label: 'Restrict links', help: 'Who may send messages with links.', off: 'all', values: people },
  { name: 'repeat', member: 'repeat', label: 'No repeats', help: 'A user cannot send the same again within this time.', off: 'off', values: times('30s', '10s', '1m', '5m', '15m', '1h') },
];

function source(mode: Mode) {
  if (mode.source === 'TAG') return 'From the room\'s tag.';
  if (mode.source !== 'MODERATOR') return 'The default.';
  return `Set by ${isolated(mode.by?.split(/[:/]/).pop() ?? 'a moderator')}, ${mode.expirationTime ? `until ${when(mode.expirationTime)}` : 'until it is switched back'}.`;
}

export function Modes({ arn }: { arn: string }) {
  const loaded = useLoad(() => confab('GetRoomModes', { roomIdentifier: arn }), [arn], 5000);
  const [time, setTime] = useState<Time>(forever);
  const canSwitch = may('confab:UpdateRoomModes');
  return (
    <Show loaded={loaded}>
      {({ modes = [] }) => (
        <SpaceBetween size="l">
          <Box color="text-body-secondary">Modes apply at once, to everyone but staff: users who can delete messages or disconnect users.</Box>
          {canSwitch && <Lasts time={time} onChange={setTime} endless="Until it is switched back" label="How long a switch lasts" />}
          {switches.map((s) => {
            const mode = modes.find((m) => m.name === s.name);
            return mode && <ModeSwitch key={s.name} arn={arn} of={s} mode={mode} disabled={!canSwitch || !valid(time)} seconds={() => secondsOf(time)} changed={loaded.reload} />;
          })}
        </SpaceBetween>
      )}
    </Show>
  );
}

interface Props {
  arn: string;
  of: Switch;
  mode: Mode;
  disabled: boolean;
  seconds: () => number | undefined;
  changed: () => void;
}

function ModeSwitch({ arn, of, mode, disabled, seconds, changed }: Props) {
  const on = mode.value !== of.off;
  const [chosen, setChosen] = useState(of.values[0].value);
  const [busy, setBusy] = useState(false);
  const value = on ? mode.value! : chosen;
  const options = of.values.some((v) => v.value === value) ? of.values : [{ value, label: value }, ...of.values];
  async function set(next: string) {
    setBusy(true);
    try {
      await confab('UpdateRoomModes', { roomIdentifier: arn, [of.member]: next, durationInSeconds: next ? seconds() : undefined } as UpdateRoomModesInput);
      changed();
    } catch (error) {
      notifyError(`${of.label} was not changed`, error);
    }
    setBusy(false);
  }
  return (
    <div className="mode">
      <Toggle checked={on} disabled={disabled || busy} description={of.help} onChange={({ detail }) => set(detail.checked ? chosen : of.off)}>{of.label}</Toggle>
      <Select
        ariaLabel={`${of.label}: value`} selectedOption={options.find((o) => o.value === value)!} options={options} disabled={disabled || busy}
        onChange={({ detail }) => {
          setChosen(detail.selectedOption.value!);
          if (on) set(detail.selectedOption.value!);
        }}
      />
      <Box variant="small" color="text-body-secondary">
        {source(mode)}{' '}
        {mode.source === 'MODERATOR' && !disabled && <Button variant="inline-link" ariaLabel={`Switch back: ${of.label}`} onClick={() => set('')}>Switch back</Button>}
      </Box>
    </div>
  );
}
