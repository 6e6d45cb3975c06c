import DatePicker from '@cloudscape-design/components/date-picker';
import FormField from '@cloudscape-design/components/form-field';
import TimeInput from '@cloudscape-design/components/time-input';

/** A day and a time of it as they are typed; both may be empty. */
export interface Moment {
  day: string;
  time: string;
}

export const noMoment: Moment = { day: '', time: '' };

/** The moment as operations take it. A day without a time begins, or ends at the last second. */
export function isoOf({ day, time }: Moment, without: '00:00:00' | '23:59:59'): string | undefined {
  if (!day) return undefined;
  const at = new Date(`${day}T${`${time}:00:00`.match(/^\d\d:\d\d:\d\d/)?.[0] ?? without}`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

export function MomentField({ label, moment, onChange }: { label: string; moment: Moment; onChange: (m: Moment) => void }) {
  return (
    <FormField label={label}>
      <div className="moment">
        <DatePicker
          value={moment.day} onChange={({ detail }) => onChange({ ...moment, day: detail.value })} placeholder="YYYY/MM/DD" ariaLabel={`${label}: day`}
          openCalendarAriaLabel={() => `${label}: choose a day`}
        />
        <TimeInput value={moment.time} onChange={({ detail }) => onChange({ ...moment, time: detail.value })} format="hh:mm:ss" placeholder="hh:mm:ss" ariaLabel={`${label}: time`} />
      </div>
    </FormField>
  );
}
