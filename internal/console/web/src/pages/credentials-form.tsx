import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { confab } from '../confab/call';
import type { CreateCredentialsOutput } from '../confab/operations';
import { go } from '../confab/router';
import { FormPage } from '../parts/form-page';
import { checkPolicy } from '../parts/policy';
import { Secret } from '../parts/secret';

const policies = [
  { id: 'backend', text: 'A backend that makes chat tokens', actions: ['ivschat:CreateChatToken'] },
  { id: 'moderator', text: 'A moderator of all rooms', actions: [
    'ivschat:ListRooms', 'ivschat:GetRoom', 'ivschat:CreateChatToken', 'ivschat:DeleteMessage', 'ivschat:DisconnectUser', 'confab:GetServer', 'confab:ListMessages', 'confab:ReadModerated',
    'confab:GetRoomPresence', 'confab:ListRoomPresence', 'confab:ListRoomUsers', 'confab:*Ban', 'confab:ListBans', 'confab:*RoomModes', 'confab:*ContentFilter', 'confab:ListContentFilters',
    'confab:DeleteUserMessages', 'confab:ListMessageTraces', 'confab:ListModerationEvents',
  ] },
  { id: 'reader', text: 'A person who only reads', actions: ['ivschat:Get*', 'ivschat:List*', 'confab:Get*', 'confab:List*'] },
  { id: 'all', text: 'All that this access key may do', actions: ['ivschat:*', 'confab:*'] },
];

const policyOf = (actions: string[]) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] }, null, 2);

const times = [
  { value: '', label: 'No end' },
  { value: '3600', label: '1 hour' },
  { value: '28800', label: '8 hours' },
  { value: '129600', label: '36 hours' },
];

export default function NewCredentials() {
  const [name, setName] = useState('');
  const [policy, setPolicy] = useState(policyOf(policies[0].actions));
  const [time, setTime] = useState(times[0]);
  const [made, setMade] = useState<CreateCredentialsOutput>();
  const { error: mistake, warnings } = checkPolicy(policy);
  const submit = async () => setMade(await confab('CreateCredentials', { name, policy: JSON.stringify(JSON.parse(policy)), durationInSeconds: time.value ? Number(time.value) : undefined }));
  return (
    <>
      <FormPage
        title="Create an access key" description="A request with it is allowed if its policy and your own policy allow it." action="Create" ready={!!name && !mistake} submit={submit} back="#/credentials"
      >
        <Container>
          <SpaceBetween size="l">
            <FormField label="Name" constraintText="Letters, digits and _+=,.@-"><Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus /></FormField>
            <FormField label="Expires after" description="Never later than your own access key.">
              <Select options={times} selectedOption={time} onChange={({ detail }) => setTime(times.find((t) => t.value === detail.selectedOption.value)!)} />
            </FormField>
            <FormField
              label="Policy" description="An IAM policy. Examples of actions: ivschat:CreateChatToken, confab:ListBans." errorText={mistake} warningText={mistake ? undefined : warnings.join(' ')} stretch
              secondaryControl={<ButtonDropdown items={policies} onItemClick={({ detail }) => setPolicy(policyOf(policies.find((p) => p.id === detail.id)!.actions))}>Start from</ButtonDropdown>}
            >
              <div className="source"><Textarea value={policy} onChange={({ detail }) => setPolicy(detail.value)} rows={14} spellcheck={false} /></div>
            </FormField>
          </SpaceBetween>
        </Container>
      </FormPage>
      {made && (
        <Secret
          title={`The access key of ${made.name}`} onClose={() => go('#/credentials')}
          parts={[
            { label: 'Access key ID', text: made.accessKeyId! }, { label: 'Secret access key', text: made.secretAccessKey! },
            ...(made.sessionToken ? [{ label: 'Session token', text: made.sessionToken }] : []),
          ]}
        />
      )}
    </>
  );
}
