import { ListRoomsCommand } from '@aws-sdk/client-ivschat';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Grid from '@cloudscape-design/components/grid';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import Toggle from '@cloudscape-design/components/toggle';
import { useState } from 'react';
import { useLoad } from '../confab/load';
import { idOf } from '../confab/router';
import { session } from '../confab/session';
import { page } from '../confab/page';
import { Code } from '../parts/code';
import { snippets } from '../parts/snippets';
import { Trouble } from '../parts/state';

export default function QuickStart() {
  const { keys } = session();
  const [chosen, setChosen] = useState('');
  const [userId, setUser] = useState('ann');
  const [secret, setSecret] = useState(!!page.dev);
  const rooms = useLoad(async () => (await session().ivschat.send(new ListRoomsCommand({ maxResults: 50 }))).rooms ?? [], []);
  const options = (rooms.data ?? []).map((r) => ({ value: r.arn!, label: r.name || r.id, description: r.arn }));
  const roomArn = chosen || options[0]?.value || `arn:aws:ivschat:${page.region}:${page.account}:room/ROOM`;
  const values = { roomArn, userId: userId || 'ann', accessKeyId: keys.accessKeyId, secretAccessKey: secret ? keys.secretAccessKey : 'YOUR-SECRET-ACCESS-KEY' };
  return (
    <ContentLayout header={<Header variant="h1" description="Code with this server's values, for the tools that you use with AWS.">Quick start</Header>}>
      <Container>
        <SpaceBetween size="l">
          {rooms.problem && <Trouble problem={rooms.problem} reload={rooms.reload} />}
          <Grid gridDefinition={[{ colspan: { default: 12, s: 5 } }, { colspan: { default: 12, s: 3 } }, { colspan: { default: 12, s: 4 } }]}>
            <FormField label="Room">
              <Select
                options={options} statusType={rooms.loading ? 'loading' : 'finished'} empty="There is no room" filteringType="auto" placeholder="Choose a room"
                selectedOption={options.find((o) => o.value === roomArn) ?? { value: roomArn, label: idOf(roomArn) }} onChange={({ detail }) => setChosen(detail.selectedOption.value!)}
              />
            </FormField>
            <FormField label="User ID"><Input value={userId} onChange={({ detail }) => setUser(detail.value)} /></FormField>
            <FormField label="Secret access key"><Toggle checked={secret} onChange={({ detail }) => setSecret(detail.checked)}>Show it in the code</Toggle></FormField>
          </Grid>
          <Tabs ariaLabel="Languages" tabs={snippets(values).map((s) => ({ id: s.id, label: s.title, content: <Code text={s.text} label={`code for ${s.title}`} /> }))} />
        </SpaceBetween>
      </Container>
    </ContentLayout>
  );
}
