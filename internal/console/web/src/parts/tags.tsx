// Tags of a resource: an editor, and the calls that make them so.
import { TagResourceCommand, UntagResourceCommand } from '@aws-sdk/client-ivschat';
import TagEditor, { type TagEditorProps } from '@cloudscape-design/components/tag-editor';
import { session } from '../confab/session';

export type Tags = Record<string, string>;
export type EditedTags = readonly TagEditorProps.Tag[];

export function edited(tags: Tags, existing: boolean): EditedTags {
  return Object.entries(tags).sort().map(([key, value]) => ({ key, value, existing }));
}

export function tagsOf(list: EditedTags): Tags {
  return Object.fromEntries(list.filter((t) => !t.markedForRemoval && t.key).map((t) => [t.key, t.value]));
}

interface Props {
  tags: EditedTags;
  onChange: (tags: EditedTags, valid: boolean) => void;
}

export function Editor({ tags, onChange }: Props) {
  return <TagEditor tags={tags} tagLimit={50} onChange={({ detail }) => onChange(detail.tags, detail.valid)} />;
}

/** Makes the tags of a resource those that are wanted. */
export async function changeTags(arn: string, before: Tags, after: Tags) {
  const { ivschat } = session();
  const tagKeys = Object.keys(before).filter((k) => !(k in after));
  const tags = Object.fromEntries(Object.entries(after).filter(([k, v]) => before[k] !== v));
  if (tagKeys.length > 0) await ivschat.send(new UntagResourceCommand({ resourceArn: arn, tagKeys }));
  if (Object.keys(tags).length > 0) await ivschat.send(new TagResourceCommand({ resourceArn: arn, tags }));
}
