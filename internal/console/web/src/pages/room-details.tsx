import type { GetRoomResponse } from '@aws-sdk/client-ivschat';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import { When } from '../parts/when';

export function Details({ room }: { room: GetRoomResponse }) {
  const tags = Object.entries(room.tags ?? {}).sort();
  return (
    <KeyValuePairs
      columns={1}
      items={[
        { label: 'ARN', value: <CopyToClipboard variant="inline" textToCopy={room.arn!} copyButtonAriaLabel="Copy the ARN" copySuccessText="Copied" copyErrorText="The browser did not allow copying" /> },
        { label: 'Maximum length of a message', value: room.maximumMessageLength },
        { label: 'Maximum number of messages a second', value: room.maximumMessageRatePerSecond },
        { label: 'Message review', value: room.messageReviewHandler?.uri ? `${room.messageReviewHandler.uri} (without an answer: ${room.messageReviewHandler.fallbackResult})` : 'None' },
        { label: 'Logging configurations', value: room.loggingConfigurationIdentifiers?.join(', ') || 'None' },
        { label: 'Tags', value: tags.length > 0 ? tags.map(([k, v]) => <div key={k}>{k} = {v}</div>) : 'None' },
        { label: 'Created', value: <When at={room.createTime} /> },
        { label: 'Changed', value: <When at={room.updateTime} /> },
      ]}
    />
  );
}
