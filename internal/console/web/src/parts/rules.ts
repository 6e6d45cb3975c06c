// What decided on a message, in words for a moderator: docs/traces.md has the names.

const rules: Record<string, string> = {
  session: 'The session was over.',
  capability: 'The chat token does not allow sending.',
  frame: 'The client sent no valid request.',
  content: 'There was nothing to see in the message.',
  length: 'The message was too long.',
  attributes: 'The attributes of the message were not valid.',
  'request-id': 'The request ID of the message was not valid.',
  'connection-rate': 'The user sent too many messages a second.',
  'room-rate': 'The room had too many messages a second.',
  'account-rate': 'The server had too many messages a second.',
  ban: 'The user is banned.',
  mute: 'The user is muted.',
  hide: 'The user is hidden: only the user sees the message.',
  disconnected: 'A moderator disconnected the user.',
  send: 'A mode of the room restricts sending.',
  links: 'A mode of the room restricts links.',
  'slow-mode': 'Slow mode: the user had to wait.',
  repeat: 'The user sent the same again.',
  review: 'The message review handler decided so.',
  'review:fallback': 'Message review gave no valid answer in time, so the fallback of the room decided.',
  'transcript:unavailable': 'It waits in memory to be stored.',
  room: 'The room was deleted.',
  unavailable: 'The server could not reach what it needs.',
  internal: 'The server failed. Its log says why.',
};

/** Explains the rule of a trace. */
export function explain(rule: string): string {
  if (rule.startsWith('filter:')) return `The content filter ${rule.slice('filter:'.length)} matched.`;
  return rules[rule] ?? rule;
}
