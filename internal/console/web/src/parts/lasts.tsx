import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';

/** How long something lasts: seconds, forever, or minutes that are typed. */
export interface Time {
  choice: string;
  minutes: string;
}

const choices = [
  { value: '600', label: '10 minutes' },
  { value: '3600', label: '1 hour' },
  { value: '86400', label: '1 day' },
  { value: '604800', label: '7 days' },
  { value: '2592000', label: '30 days' },
];
const other = { value: 'other', label: 'Another time' };

export const tenMinutes: Time = { choice: '600', minutes: '' };
/** What it is called that a ban has no end. */
export const untilLifted = 'Until it is lifted';

export const forever: Time = { choice: '', minutes: '' };

/** The seconds of a time; undefined without an end. */
export function secondsOf(t: Time): number | undefined {
  if (t.choice === 'other') return Math.round(Number(t.minutes) * 60);
  return t.choice ? Number(t.choice) : undefined;
}

/** Reports whether a time can be sent. */
export function valid(t: Time): boolean {
  return t.choice !== 'other' || Number(t.minutes) > 0;
}

interface Props {
  time: Time;
  onChange: (t: Time) => void;
  /** What it is called to have no end. */
  endless: string;
  label?: string;
  description?: string;
}

export function Lasts({ time, onChange, endless, label = 'How long', description }: Props) {
  const options = [...choices, other, { value: '', label: endless }];
  return (
    <SpaceBetween size="xs">
      <FormField label={label} description={description}>
        <Select selectedOption={options.find((o) => o.value === time.choice)!} options={options} onChange={({ detail }) => onChange({ ...time, choice: detail.selectedOption.value! })} />
      </FormField>
      {time.choice === 'other' && (
        <FormField label="Minutes"><Input type="number" inputMode="numeric" value={time.minutes} onChange={({ detail }) => onChange({ ...time, minutes: detail.value })} /></FormField>
      )}
    </SpaceBetween>
  );
}
