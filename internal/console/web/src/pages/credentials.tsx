// Access keys, each bounded by the one that made it.
import Button from '@cloudscape-design/components/button';
import { confab } from '../confab/call';
import { useLoad } from '../confab/load';
import type { CredentialsDescription } from '../confab/operations';
import { everyPage } from '../confab/rooms';
import { go } from '../confab/router';
import { may } from '../confab/session';
import { Delete } from '../parts/delete';
import { List, useSelection } from '../parts/list';
import { When } from '../parts/when';

interface Row extends CredentialsDescription {
  name: string;
  maker: string;
}

export default function Credentials() {
  const loaded = useLoad(async () => {
    const all = await everyPage((nextToken) => confab('ListCredentials', { maxResults: 200, nextToken }), (answer) => answer.credentials);
    return all.map((c): Row => ({ ...c, name: c.name!, maker: c.createdBy?.split(':').pop() ?? '' }));
  }, [], 30_000);
  const { selected, select, asked, ask, close } = useSelection<Row>(loaded, 'name');
  return (
    <>
      <List<Row>
        title="Credentials" description="The access keys that you made, and those that were made with them." kind="access key" loaded={loaded} trackBy="name" selected={selected}
        onSelect={may('confab:DeleteCredentials') ? select : undefined}
        empty="An access key has a policy, which says what may be done with it."
        columns={[
          { id: 'name', header: 'Name', sortingField: 'name', isRowHeader: true, cell: (c) => c.name },
          { id: 'key', header: 'Access key ID', sortingField: 'accessKeyId', cell: (c) => c.accessKeyId },
          { id: 'maker', header: 'Made by', sortingField: 'maker', cell: (c) => c.maker },
          { id: 'made', header: 'Created', sortingField: 'createTime', cell: (c) => <When at={c.createTime} /> },
          { id: 'expires', header: 'Expires', sortingField: 'expirationTime', cell: (c) => (c.expirationTime ? <When at={c.expirationTime} /> : 'Never') },
        ]}
        properties={[
          { key: 'name', propertyLabel: 'Name', groupValuesLabel: 'Names', operators: [':', '!:', '='] },
          { key: 'accessKeyId', propertyLabel: 'Access key ID', groupValuesLabel: 'Access key IDs', operators: [':', '='] },
          { key: 'maker', propertyLabel: 'Made by', groupValuesLabel: 'Makers', operators: [':', '='] },
        ]}
        actions={may('confab:DeleteCredentials') && <Button disabled={!selected} onClick={() => ask('delete')}>Delete</Button>}
        create={may('confab:CreateCredentials') && <Button variant="primary" onClick={() => go('#/credentials/new')}>Create an access key</Button>}
      />
      {asked && (
        <Delete
          kind="access key" name={asked.item.name} warning="Requests with it, and with the access keys that were made with it, are refused within seconds."
          remove={() => confab('DeleteCredentials', { name: asked.item.name })} onClose={close}
        />
      )}
    </>
  );
}
