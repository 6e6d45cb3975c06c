// Leaves one of everything in the log of a room, with the official clients.
// Argument: the ARN of the room. Prints the ids of the frames.
import { SendEventCommand } from '@aws-sdk/client-ivschat';
import { DeleteMessageRequest, DisconnectUserRequest, SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { api, join } from './support.mjs';

const room = process.argv[2];
const [ann, bob] = await Promise.all([join(room, 'ann', { attributes: { colour: 'blue' } }), join(room, 'bob')]);
const ids = [];
for (const text of ['plain', 'Größe 𝒳 "quoted" \\ </script> \u2028', 'two\nlines']) {
  ids.push((await ann.room.sendMessage(new SendMessageRequest(text, { kind: 'märchen' }))).id);
}
ids.push((await ann.room.deleteMessage(new DeleteMessageRequest(ids[0], 'spam'))).id);
ids.push((await api.send(new SendEventCommand({ roomIdentifier: room, eventName: 'app:live', attributes: { on: 'yes' } }))).id);
ids.push((await ann.room.disconnectUser(new DisconnectUserRequest('bob', 'enough'))).id);
await bob.next('disconnect');
// A pipe takes 64 KiB at once, and exit does not wait for the rest.
process.stdout.write(`${JSON.stringify(ids)}\n`, () => process.exit(0));
