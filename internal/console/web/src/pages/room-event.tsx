import { SendEventCommand } from '@aws-sdk/client-ivschat';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { notify } from '../confab/notices';
import { session } from '../confab/session';
import { useSubmit } from '../confab/submit';
import { type Attribute, Attributes, attributesOf } from '../parts/attributes';
import { Trouble } from '../parts/state';

export function SendEvent({ arn }: { arn: string }) {
  const [name, setName] = useState('app:notice');
  const [attributes, setAttributes] = useState<Attribute[]>([{ key: 'text', value: '' }]);
  const { busy, trouble, onSubmit } = useSubmit(async () => {
    await session().ivschat.send(new SendEventCommand({ roomIdentifier: arn, eventName: name, attributes: attributesOf(attributes) }));
    notify('success', `The event ${name} was sent`);
  });
  return (
    <form onSubmit={onSubmit}>
      <SpaceBetween size="m">
        {trouble && <Trouble problem={trouble} />}
        <FormField label="Name" description="Applications know events by their names."><Input value={name} onChange={({ detail }) => setName(detail.value)} /></FormField>
        <Attributes list={attributes} onChange={setAttributes} />
        <Button variant="primary" formAction="submit" loading={busy} disabled={!name}>Send the event</Button>
      </SpaceBetween>
    </form>
  );
}
