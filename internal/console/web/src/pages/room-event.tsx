import { SendEventCommand } from '@aws-sdk/client-ivschat';
import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { notify } from '../confab/notices';
import { type Problem, problem } from '../confab/problem';
import { session } from '../confab/session';
import { Trouble } from '../parts/state';

export function SendEvent({ arn }: { arn: string }) {
  const [name, setName] = useState('app:notice');
  const [attributes, setAttributes] = useState<{ key: string; value: string }[]>([{ key: 'text', value: '' }]);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Problem>();
  const change = (i: number, part: Partial<{ key: string; value: string }>) => setAttributes(attributes.map((a, j) => (i === j ? { ...a, ...part } : a)));
  async function submit() {
    setBusy(true);
    setTrouble(undefined);
    try {
      await session().ivschat.send(new SendEventCommand({
        roomIdentifier: arn, eventName: name, attributes: Object.fromEntries(attributes.filter((a) => a.key).map((a) => [a.key, a.value])),
      }));
      notify('success', `The event ${name} was sent`);
    } catch (error) {
      setTrouble(problem(error));
    }
    setBusy(false);
  }
  return (
    <form onSubmit={(e) => (e.preventDefault(), submit())}>
      <SpaceBetween size="m">
        {trouble && <Trouble problem={trouble} />}
        <FormField label="Name" description="Applications know events by their names."><Input value={name} onChange={({ detail }) => setName(detail.value)} /></FormField>
        <AttributeEditor
          items={attributes} addButtonText="Add an attribute" removeButtonText="Remove" empty="No attributes" isItemRemovable={() => true}
          onAddButtonClick={() => setAttributes([...attributes, { key: '', value: '' }])} onRemoveButtonClick={({ detail }) => setAttributes(attributes.filter((_, i) => i !== detail.itemIndex))}
          definition={[
            { label: 'Key', control: (a, i) => <Input value={a.key} onChange={({ detail }) => change(i, { key: detail.value })} /> },
            { label: 'Value', control: (a, i) => <Input value={a.value} onChange={({ detail }) => change(i, { value: detail.value })} /> },
          ]}
        />
        <Button variant="primary" formAction="submit" loading={busy} disabled={!name}>Send the event</Button>
      </SpaceBetween>
    </form>
  );
}
