import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import { useLoad } from '../confab/load';
import { allRooms } from '../confab/rooms';
import { idOf, roomPath } from '../confab/router';

interface Props {
  /** An ARN; empty for every room. */
  arn: string;
  onChange: (arn: string) => void;
  description?: string;
  /** What the choice of no room is called. */
  every?: string;
}

/** Chooses a room or every room. Where rooms cannot be listed, it takes an ARN. */
export function RoomChoice({ arn, onChange, description, every = 'Every room' }: Props) {
  const rooms = useLoad(allRooms, []);
  if (rooms.problem && !rooms.data) {
    return (
      <FormField label="Room" description="An ARN; every room if it is empty." constraintText={`Rooms cannot be listed. ${rooms.problem.title}`}>
        <Input value={arn} onChange={({ detail }) => onChange(detail.value.trim())} placeholder={every} />
      </FormField>
    );
  }
  const options = [{ value: '', label: every }, ...(rooms.data ?? []).map((r) => ({ value: r.arn!, label: r.name || r.id!, description: r.id }))];
  return (
    <FormField label="Room" description={description}>
      <Select
        options={options} statusType={rooms.data ? 'finished' : 'loading'} loadingText="Loading" filteringType="auto" filteringAriaLabel="Find a room"
        selectedOption={options.find((o) => o.value === arn) ?? { value: arn, label: idOf(arn) }} onChange={({ detail }) => onChange(detail.selectedOption.value!)}
      />
    </FormField>
  );
}

/** A room as a table shows it; every room without an ARN. */
export function RoomName({ arn, names }: { arn?: string; names?: Map<string, string> }) {
  if (!arn) return <>Every room</>;
  return <Link href={roomPath(arn)}>{names?.get(arn) || idOf(arn)}</Link>;
}

/** The names of rooms by their ARNs; none where rooms cannot be listed. */
export async function roomNames(): Promise<Map<string, string>> {
  const all = await allRooms().catch(() => []);
  return new Map(all.map((r) => [r.arn!, r.name || r.id!]));
}
