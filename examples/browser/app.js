// The page: the official IVS Chat client, and a list of messages.
import { ChatRoom, DeleteMessageRequest, SendMessageRequest } from 'amazon-ivs-chat-messaging';

const $ = (id) => document.getElementById(id);
const { regionOrUrl } = await (await fetch('/config.json')).json();

$('join').addEventListener('submit', (submit) => {
  submit.preventDefault();
  const name = $('name').value.trim();
  if (name) chatAs(name);
});

function chatAs(name) {
  const room = new ChatRoom({
    regionOrUrl,
    tokenProvider: async () => {
      const response = await fetch('/token', { method: 'POST', body: JSON.stringify({ name }) });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    },
  });
  room.logLevel = 'error';

  const state = (text) => ($('state').textContent = text);
  room.addListener('connecting', () => state('connecting …'));
  room.addListener('connect', () => {
    state(`connected as ${name}`);
    $('join').hidden = true;
    $('chat').hidden = false;
    $('text').focus();
  });
  room.addListener('disconnect', (reason) => state(`disconnected: ${reason}`));
  room.addListener('message', (message) => show(room, name, message));
  room.addListener('messageDelete', (event) => document.querySelector(`[data-id="${event.messageId}"]`)?.remove());
  room.addListener('event', (event) => note(`${event.eventName} ${JSON.stringify(event.attributes ?? {})}`));
  room.addListener('userDisconnect', (event) => note(`${event.userId} was disconnected`));

  $('chat').addEventListener('submit', async (submit) => {
    submit.preventDefault();
    const text = $('text').value;
    $('text').value = '';
    try {
      await room.sendMessage(new SendMessageRequest(text));
    } catch (error) {
      note(`not sent: ${error.errorMessage ?? error.message}`);
    }
  });
  room.connect();
}

function show(room, name, { id, content, sender, sendTime }) {
  const item = line('message');
  item.dataset.id = id;
  item.classList.toggle('own', sender.userId === name);
  const who = item.appendChild(document.createElement('b'));
  who.textContent = sender.userId;
  who.style.color = sender.attributes?.colour ?? '';
  item.appendChild(document.createElement('span')).textContent = content;
  item.appendChild(document.createElement('time')).textContent = sendTime.toLocaleTimeString([], { timeStyle: 'short' });
  const remove = item.appendChild(document.createElement('button'));
  remove.textContent = '×';
  remove.title = 'Delete for everybody';
  remove.addEventListener('click', () => room.deleteMessage(new DeleteMessageRequest(id)).catch((e) => note(e.errorMessage)));
  item.scrollIntoView({ block: 'end' });
}

function note(text) {
  line('note').textContent = text;
}

function line(kind) {
  const item = $('messages').appendChild(document.createElement('li'));
  item.className = kind;
  return item;
}
