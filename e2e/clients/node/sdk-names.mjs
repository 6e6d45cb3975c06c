// What Terraform's provider for AWS and the chat SDKs of Android and iOS have, as their documents
// say. None of them is on a machine of tests, so the code of the quick start is compared with this.

// The provider's documents "Provider configuration", "Custom endpoints" and "aws_ivschat_room".
// A path leads through blocks to an argument; the values are what an argument takes.
const text = /^"[^"\\${}]*"$/;
const number = /^\d+$/;
export const terraform = {
  'terraform/required_providers/aws/source': /^"hashicorp\/aws"$/,
  'provider aws/region': text,
  'provider aws/access_key': text,
  'provider aws/secret_key': text,
  'provider aws/skip_credentials_validation': /^true$/,
  'provider aws/skip_metadata_api_check': /^true$/,
  'provider aws/skip_region_validation': /^true$/,
  'provider aws/skip_requesting_account_id': /^true$/,
  'provider aws/endpoints/ivschat': /^"https?:\/\/[^"]+"$/,
  'resource aws_ivschat_room lobby/name': /^"[0-9A-Za-z_-]{0,128}"$/,
  'resource aws_ivschat_room lobby/maximum_message_length': number,
  'resource aws_ivschat_room lobby/maximum_message_rate_per_second': number,
  'output room_arn/value': /^aws_ivschat_room\.lobby\.arn$/,
};

// The reference of the Android SDK, version 1.1.0.
const android = 'com.amazonaws.ivs.chat.messaging';
export const kotlin = {
  imports: new Set([
    ...['ChatRoom', 'ChatRoomListener', 'ChatToken', 'ChatTokenCallback', 'DisconnectReason'].map((name) => `${android}.${name}`),
    ...['ChatEvent', 'ChatMessage', 'DeleteMessageEvent', 'DisconnectUserEvent'].map((name) => `${android}.entities.${name}`),
    ...['SendMessageRequest', 'DeleteMessageRequest', 'DisconnectUserRequest'].map((name) => `${android}.requests.${name}`),
  ]),
  constructors: { ChatRoom: ['regionOrUrl', 'tokenProvider', 'maxReconnectAttempts', 'id'], ChatToken: ['token', 'sessionExpirationTime', 'tokenExpirationTime'] },
  members: { room: ['listener', 'connect', 'disconnect', 'sendMessage', 'deleteMessage', 'disconnectUser', 'state', 'id'], callback: ['onSuccess', 'onError'], message: ['id', 'content', 'attributes', 'sender', 'sendTime', 'requestId'], 'message\\.sender': ['userId', 'attributes'] },
  // All of them are abstract.
  listener: {
    onConnecting: 'room: ChatRoom', onConnected: 'room: ChatRoom', onDisconnected: 'room: ChatRoom, reason: DisconnectReason', onMessageReceived: 'room: ChatRoom, message: ChatMessage',
    onEventReceived: 'room: ChatRoom, event: ChatEvent', onMessageDeleted: 'room: ChatRoom, event: DeleteMessageEvent', onUserDisconnected: 'room: ChatRoom, event: DisconnectUserEvent',
  },
};

// The guide of the iOS SDK, version 1.0.
export const swift = {
  imports: new Set(['AmazonIVSChatMessaging', 'Foundation']),
  constructors: { ChatRoom: ['awsRegion', 'tokenProvider', 'maxReconnectAttempts'], SendMessageRequest: ['content', 'attributes'], perform: ['request'] },
  members: { room: ['delegate', 'connect', 'disconnect', 'perform', 'state'], message: ['id', 'content', 'attributes', 'sender', 'sendTime', 'requestId'], 'message\\.sender': ['userId', 'attributes'] },
  delegate: ['_ room: ChatRoom, didReceive message: ChatMessage', '_ room: ChatRoom, didReceive event: ChatEvent'],
};
