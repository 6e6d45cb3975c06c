// Who is kept out of rooms, or silent there.
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import { notify } from '../confab/notices';
import type { Ban, CreateBanInput } from '../confab/operations';
import { everyPage } from '../confab/rooms';
import { may } from '../confab/session';
import { Confirm } from '../parts/confirm';
import { isolated } from '../parts/isolated';
import { Lasts, type Time, secondsOf, tenMinutes, untilLifted, valid } from '../parts/lasts';
import { List, useSelection } from '../parts/list';
import { RoomChoice, RoomName, useRoomNames } from '../parts/room-choice';
import { When, when } from '../parts/when';

export type BanType = CreateBanInput['type'];

/** What each type of ban does. */
export const banTypes: { value: BanType; label: string; description: string }[] = [
  { value: 'BAN', label: 'Ban', description: 'They cannot be in the room. Connections that they have end.' },
  { value: 'MUTE', label: 'Mute', description: 'They read, and cannot send messages.' },
  { value: 'HIDE', label: 'Hide', description: 'They notice nothing, and nobody else gets their messages.' },
];

export const typeName = (type?: string) => banTypes.find((t) => t.value === type)?.label ?? type ?? '';

/** Whom a ban is against. */
export const subjectOf = (b: Ban) => b.userId ?? b.ipRange ?? '';

export function bansOf(roomIdentifier?: string): Promise<Ban[]> {
  return everyPage((nextToken) => confab('ListBans', { roomIdentifier, maxResults: 200, nextToken }), (answer) => answer.bans);
}

/** Asks before a ban is lifted. */
export function LiftBan({ ban, onClose }: { ban: Ban; onClose: (done: boolean) => void }) {
  const lift = async () => {
    await confab('DeleteBan', { id: ban.id! });
    notify('success', `The ${typeName(ban.type).toLowerCase()} of ${isolated(subjectOf(ban))} was lifted`);
  };
  return (
    <Confirm title={`Lift the ${typeName(ban.type).toLowerCase()} of ${isolated(subjectOf(ban))}`} action="Lift" run={lift} onClose={onClose}>
      <Box>{{ BAN: 'They may enter again.', MUTE: 'They may write again.', HIDE: 'Others get their messages again.' }[ban.type as BanType]}</Box>
    </Confirm>
  );
}

const unchanged: Time = { choice: '', minutes: '' };

/** Changes how long a ban lasts from now on, and its reason. */
export function ChangeBan({ ban, onClose }: { ban: Ban; onClose: (done: boolean) => void }) {
  const [time, setTime] = useState(unchanged);
  const [reason, setReason] = useState(ban.reason ?? '');
  const what = `${typeName(ban.type).toLowerCase()} of ${isolated(subjectOf(ban))}`;
  const change = async () => {
    await confab('UpdateBan', { id: ban.id!, durationInSeconds: secondsOf(time), reason: reason === (ban.reason ?? '') ? undefined : reason });
    notify('success', `The ${what} was changed`);
  };
  return (
    <Confirm title={`Change the ${what}`} action="Save" ready={valid(time)} run={change} onClose={onClose}>
      <Lasts time={time} onChange={setTime} endless={ban.expirationTime ? `As it is: until ${when(ban.expirationTime)}` : 'As it is: until it is lifted'} label="How long from now" />
      <ReasonField reason={reason} onChange={setReason} />
    </Confirm>
  );
}

function ReasonField({ reason, onChange }: { reason: string; onChange: (reason: string) => void }) {
  return <FormField label="Reason" description="The user may see it."><Input value={reason} onChange={({ detail }) => onChange(detail.value)} placeholder="None" /></FormField>;
}

function NewBan({ onClose }: { onClose: (done: boolean) => void }) {
  const [type, setType] = useState<BanType>('BAN');
  const [by, setBy] = useState('user');
  const [userId, setUser] = useState('');
  const [ipRange, setRange] = useState('');
  const [force, setForce] = useState(false);
  const [room, setRoom] = useState('');
  const [time, setTime] = useState<Time>(tenMinutes);
  const [reason, setReason] = useState('');
  const subject = by === 'user' ? userId : ipRange.trim();
  const create = async () => {
    await confab('CreateBan', {
      type, ...(by === 'user' ? { userId } : { ipRange: ipRange.trim(), force: force || undefined }), roomIdentifier: room || undefined,
      durationInSeconds: secondsOf(time), reason: reason || undefined,
    });
    notify('success', `${isolated(subject)} has a ${typeName(type).toLowerCase()}`);
  };
  return (
    <Confirm title="Create a ban" action="Create" ready={!!subject && valid(time)} run={create} onClose={onClose}>
      <FormField label="Type"><RadioGroup value={type} items={banTypes} onChange={({ detail }) => setType(detail.value as BanType)} /></FormField>
      <FormField label="Against">
        <RadioGroup value={by} items={[{ value: 'user', label: 'A user' }, { value: 'range', label: 'A range of addresses' }]} onChange={({ detail }) => setBy(detail.value)} />
      </FormField>
      {by === 'user' ? (
        <FormField label="User ID" description="Everyone who uses this user ID is affected."><Input value={userId} onChange={({ detail }) => setUser(detail.value)} /></FormField>
      ) : (
        <SpaceBetween size="m">
          <FormField label="Range of addresses" constraintText="In CIDR notation, such as 203.0.113.0/24"><Input value={ipRange} onChange={({ detail }) => setRange(detail.value)} /></FormField>
          <Checkbox checked={force} onChange={({ detail }) => setForce(detail.checked)}>Allow a range of very many addresses</Checkbox>
        </SpaceBetween>
      )}
      <RoomChoice arn={room} onChange={setRoom} />
      <Lasts time={time} onChange={setTime} endless={untilLifted} />
      <ReasonField reason={reason} onChange={setReason} />
    </Confirm>
  );
}

interface Row extends Ban {
  name: string;
  where: string;
  kind: string;
}

export default function Bans() {
  const names = useRoomNames();
  const loaded = useLoad(() => bansOf(), [], 15_000);
  const rows = { ...loaded, data: loaded.data?.map((b): Row => ({ ...b, name: subjectOf(b), where: names.of(b.roomArn), kind: typeName(b.type) })) };
  const { selected, select, asked, ask, close } = useSelection<Row, 'change' | 'lift'>(rows, 'id');
  const [creating, setCreating] = useState(false);
  const create = may('confab:CreateBan') && <Button variant="primary" onClick={() => setCreating(true)}>Create a ban</Button>;
  return (
    <>
      <List<Row>
        title="Bans" kind="ban" loaded={rows} trackBy="id" selected={selected} onSelect={may('confab:DeleteBan') || may('confab:UpdateBan') ? select : undefined}
        empty="A ban keeps somebody out of a room, and a mute lets them read only."
        columns={[
          { id: 'name', header: 'User or range', sortingField: 'name', isRowHeader: true, cell: (b) => <bdi>{b.name}</bdi> },
          { id: 'kind', header: 'Type', sortingField: 'kind', cell: (b) => b.kind },
          { id: 'where', header: 'Room', sortingField: 'where', cell: (b) => <RoomName arn={b.roomArn} names={names} /> },
          { id: 'ends', header: 'Ends', sortingField: 'expirationTime', cell: (b) => (b.expirationTime ? <When at={b.expirationTime} /> : 'When lifted') },
          { id: 'reason', header: 'Reason', sortingField: 'reason', cell: (b) => <bdi>{b.reason || '–'}</bdi> },
          { id: 'by', header: 'By', sortingField: 'createdBy', cell: (b) => <bdi>{b.createdBy?.split(':').pop()}</bdi> },
          { id: 'made', header: 'Created', sortingField: 'createTime', cell: (b) => <When at={b.createTime} /> },
        ]}
        properties={[
          { key: 'name', propertyLabel: 'User or range', groupValuesLabel: 'Users and ranges', operators: [':', '!:', '='] },
          { key: 'kind', propertyLabel: 'Type', groupValuesLabel: 'Types', operators: ['=', '!='] },
          { key: 'where', propertyLabel: 'Room', groupValuesLabel: 'Rooms', operators: [':', '!:', '='] },
          { key: 'reason', propertyLabel: 'Reason', groupValuesLabel: 'Reasons', operators: [':', '!:'] },
        ]}
        actions={
          <>
            {may('confab:UpdateBan') && <Button disabled={!selected} onClick={() => ask('change')}>Change</Button>}
            {may('confab:DeleteBan') && <Button disabled={!selected} onClick={() => ask('lift')}>Lift</Button>}
          </>
        }
        create={create}
      />
      {creating && (
        <NewBan
          onClose={(done) => {
            setCreating(false);
            close(done);
          }}
        />
      )}
      {asked?.question === 'change' && <ChangeBan ban={asked.item} onClose={close} />}
      {asked?.question === 'lift' && <LiftBan ban={asked.item} onClose={close} />}
    </>
  );
}
