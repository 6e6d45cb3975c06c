import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Grid from '@cloudscape-design/components/grid';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import Toggle from '@cloudscape-design/components/toggle';
import { useState } from 'react';
import { session } from '../confab/session';
import { page } from '../confab/page';
import { Code } from '../parts/code';
import { RoomSelect, useRooms } from '../parts/room-choice';
import { snippets } from '../parts/snippets';

export default function QuickStart() {
  const { keys } = session();
  const [chosen, setChosen] = useState('');
  const [userId, setUser] = useState('ann');
  const [secret, setSecret] = useState(!!page.dev);
  const rooms = useRooms();
  const roomArn = chosen || rooms.data?.[0]?.value || `arn:aws:ivschat:${page.region}:${page.account}:room/ROOM`;
  const values = { roomArn, userId: userId || 'ann', accessKeyId: keys.accessKeyId, secretAccessKey: secret ? keys.secretAccessKey : 'YOUR-SECRET-ACCESS-KEY' };
  return (
    <ContentLayout header={<Header variant="h1" description="Code with this server's values, for the tools that you use with AWS.">Quick start</Header>}>
      <Container>
        <SpaceBetween size="l">
          <Grid gridDefinition={[{ colspan: { default: 12, s: 5 } }, { colspan: { default: 12, s: 3 } }, { colspan: { default: 12, s: 4 } }]}>
            <RoomSelect arn={roomArn} onChange={setChosen} rooms={rooms} />
            <FormField label="User ID"><Input value={userId} onChange={({ detail }) => setUser(detail.value)} /></FormField>
            <FormField label="Secret access key"><Toggle checked={secret} onChange={({ detail }) => setSecret(detail.checked)}>Show it in the code</Toggle></FormField>
          </Grid>
          <Tabs ariaLabel="Languages" tabs={snippets(values).map((s) => ({ id: s.id, label: s.title, content: <Code text={s.text} label={`code for ${s.title}`} /> }))} />
        </SpaceBetween>
      </Container>
    </ContentLayout>
  );
}
