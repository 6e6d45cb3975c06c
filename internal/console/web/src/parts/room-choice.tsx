import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import Multiselect from '@cloudscape-design/components/multiselect';
import Select from '@cloudscape-design/components/select';
import { useLoad } from '../confab/load';
import { allRooms } from '../confab/rooms';
import { idOf, roomPath } from '../confab/router';

export interface RoomOption {
  value: string;
  label: string;
  description?: string;
}

/** The rooms as choices. */
export function useRooms() {
  return useLoad(async () => (await allRooms()).map((r): RoomOption => ({ value: r.arn!, label: r.name || r.id!, description: r.id })), []);
}

const named = (options: RoomOption[], arn: string): RoomOption => options.find((o) => o.value === arn) ?? { value: arn, label: idOf(arn) };

interface Props {
  /** An ARN; empty for every room. */
  arn: string;
  onChange: (arn: string) => void;
  /** What the choice of no room is called; undefined if there must be a room. */
  every?: string;
  rooms: ReturnType<typeof useRooms>;
}

/** Chooses one of the rooms, or every room. Where rooms cannot be listed, it takes an ARN. */
export function RoomSelect({ arn, onChange, every, rooms }: Props) {
  if (rooms.problem && !rooms.data) {
    return (
      <FormField label="Room" description={every ? `An ARN. ${every} if it is empty.` : 'An ARN.'} constraintText={`Rooms cannot be listed. ${rooms.problem.title}`}>
        <Input value={arn} onChange={({ detail }) => onChange(detail.value.trim())} placeholder={every} />
      </FormField>
    );
  }
  const options = [...(every ? [{ value: '', label: every }] : []), ...(rooms.data ?? [])];
  return (
    <FormField label="Room" constraintText={!every && rooms.data?.length === 0 && <>There is no room. <Link href="#/rooms/new" fontSize="inherit">Create one</Link> first.</>}>
      <Select
        options={options} statusType={rooms.data ? 'finished' : 'loading'} loadingText="Loading" empty="There is no room" filteringType="auto" filteringAriaLabel="Find a room" placeholder="Choose a room"
        selectedOption={arn || every ? named(options, arn) : null} onChange={({ detail }) => onChange(detail.selectedOption.value!)}
      />
    </FormField>
  );
}

/** Chooses a room or every room. */
export function RoomChoice({ every = 'Every room', ...props }: Omit<Props, 'rooms'>) {
  return <RoomSelect {...props} every={every} rooms={useRooms()} />;
}

/** Chooses some of the rooms. */
export function RoomsChoice({ arns, onChange }: { arns: string[]; onChange: (arns: string[]) => void }) {
  const { data, problem } = useRooms();
  const options = data ?? [];
  return (
    <FormField label="Some rooms" errorText={problem?.title} stretch>
      <Multiselect
        options={options} selectedOptions={arns.map((arn) => named(options, arn))} statusType={data || problem ? 'finished' : 'loading'} filteringType="auto" filteringAriaLabel="Find a room" placeholder="Choose rooms"
        empty="There is no room" deselectAriaLabel={(o) => `Remove ${o.label}`} onChange={({ detail }) => onChange(detail.selectedOptions.map((o) => o.value!))}
      />
    </FormField>
  );
}

/** The names of rooms for a table. Rooms that cannot be listed have their ids. */
export function useRoomNames() {
  const { data } = useLoad(async () => new Map((await allRooms()).map((r) => [r.arn!, r.name || r.id!])), []);
  return { of: (arn?: string) => (arn ? data?.get(arn) ?? idOf(arn) : 'Every room') };
}

/** A room as a table shows it; every room without an ARN. */
export function RoomName({ arn, names }: { arn?: string; names: ReturnType<typeof useRoomNames> }) {
  return arn ? <Link href={roomPath(arn)}>{names.of(arn)}</Link> : <>{names.of()}</>;
}
