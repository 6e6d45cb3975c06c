import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Input from '@cloudscape-design/components/input';

export type Attribute = { key: string; value: string };

/** The attributes as operations take them; undefined without any. */
export function attributesOf(list: Attribute[]): Record<string, string> | undefined {
  const named = list.filter((a) => a.key);
  return named.length > 0 ? Object.fromEntries(named.map((a) => [a.key, a.value])) : undefined;
}

export function Attributes({ list, onChange }: { list: Attribute[]; onChange: (list: Attribute[]) => void }) {
  const change = (i: number, part: Partial<Attribute>) => onChange(list.map((a, j) => (i === j ? { ...a, ...part } : a)));
  return (
    <AttributeEditor
      items={list} addButtonText="Add an attribute" removeButtonText="Remove" empty="No attributes" isItemRemovable={() => true}
      onAddButtonClick={() => onChange([...list, { key: '', value: '' }])} onRemoveButtonClick={({ detail }) => onChange(list.filter((_, i) => i !== detail.itemIndex))}
      definition={[
        { label: 'Key', control: (a, i) => <Input value={a.key} onChange={({ detail }) => change(i, { key: detail.value })} /> },
        { label: 'Value', control: (a, i) => <Input value={a.value} onChange={({ detail }) => change(i, { value: detail.value })} /> },
      ]}
    />
  );
}
