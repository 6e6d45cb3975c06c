// Code for this server, to be copied into an application.
import { chatUrl, endpoint, page } from '../confab/page';

export interface Snippet {
  id: string;
  title: string;
  text: string;
}

export interface Values {
  roomArn: string;
  userId: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** What the user of the token may do; to send messages if it is absent. */
  capabilities?: string[];
}

// literal is a string in the source code of JavaScript, Python, Go or a shell. Characters that turn
// the direction of the code around them stand there by their numbers.
function literal(text: string, quote: string, escape = (hex: string) => `\\u${hex}`): string {
  const inner = text.replace(/[\\'"\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (c) => {
    if (c === '\\' || c === quote) return `\\${c}`;
    return c === "'" || c === '"' ? c : escape(c.charCodeAt(0).toString(16).padStart(4, '0'));
  });
  return quote + inner + quote;
}

// word is one argument in a shell.
function word(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text) ? `$${literal(text, "'")}` : `'${text.replaceAll("'", `'\\''`)}'`;
}

const may = ({ capabilities = ['SEND_MESSAGE'] }: Values, quote: string, name = (c: string) => quote + c + quote) => capabilities.map(name).join(', ');

const goNames: Record<string, string> = { SEND_MESSAGE: 'SendMessage', DELETE_MESSAGE: 'DeleteMessage', DISCONNECT_USER: 'DisconnectUser' };

function shell({ accessKeyId, secretAccessKey }: Values) {
  return `export AWS_ENDPOINT_URL_IVSCHAT=${endpoint}
export AWS_REGION=${page.region} AWS_DEFAULT_REGION=${page.region}
export AWS_ACCESS_KEY_ID=${accessKeyId}
export AWS_SECRET_ACCESS_KEY=${secretAccessKey}
unset AWS_SESSION_TOKEN AWS_PROFILE
`;
}

// tokenPath is what an app asks its backend for.
const tokenPath = (userId: string) => `/token?user=${encodeURIComponent(userId).replaceAll("'", '%27')}`;

/** What a page in a browser does: the official client, with tokens from a backend. */
export function browserCode({ userId }: Values) {
  return `// npm install amazon-ivs-chat-messaging
import { ChatRoom, SendMessageRequest } from 'amazon-ivs-chat-messaging';

const room = new ChatRoom({
  regionOrUrl: '${chatUrl}',
  tokenProvider: () => fetch('${tokenPath(userId)}').then((answer) => answer.json()),
});
room.addListener('message', (message) => console.log(message.sender.userId, message.content));
room.addListener('connect', () => room.sendMessage(new SendMessageRequest('Hello')));
room.connect();
`;
}

/** What the backend of an application does: it gives tokens to its users. */
export function backendCode(v: Values) {
  return `// npm install @aws-sdk/client-ivschat
import { createServer } from 'node:http';
import { CreateChatTokenCommand, IvschatClient } from '@aws-sdk/client-ivschat';

const ivschat = new IvschatClient({
  endpoint: '${endpoint}', region: '${page.region}',
  credentials: { accessKeyId: '${v.accessKeyId}', secretAccessKey: '${v.secretAccessKey}' },
});

createServer(async (request, response) => {
  // Ask your own session who the user is, and decide what they may do.
  const { token, tokenExpirationTime, sessionExpirationTime } = await ivschat.send(new CreateChatTokenCommand({
    roomIdentifier: '${v.roomArn}',
    userId: ${literal(v.userId, "'")}, capabilities: [${may(v, "'")}],
  }));
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ token, tokenExpirationTime, sessionExpirationTime }));
}).listen(3000);
`;
}

export function cliCode(v: Values) {
  return `${shell(v)}
aws ivschat create-chat-token --room-identifier ${v.roomArn} \\
  --user-id ${word(v.userId)}${v.capabilities?.length === 0 ? '' : ` --capabilities ${(v.capabilities ?? Object.keys(goNames)).join(' ')}`}
aws ivschat send-event --room-identifier ${v.roomArn} \\
  --event-name app:notice --attributes text=soon
`;
}

function terraformCode(v: Values) {
  return `terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region     = "${page.region}"
  access_key = "${v.accessKeyId}"
  secret_key = "${v.secretAccessKey}"

  # This server has no STS, no metadata of instances, and a region of its own.
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true

  endpoints {
    ivschat = "${endpoint}"
  }
}

resource "aws_ivschat_room" "lobby" {
  name                            = "lobby"
  maximum_message_length          = 500
  maximum_message_rate_per_second = 10
}

output "room_arn" {
  value = aws_ivschat_room.lobby.arn
}
`;
}

// The listener has a method for everything that can happen, and an app has to have them all.
function androidCode({ userId }: Values) {
  return `// build.gradle.kts: implementation("com.amazonaws:ivs-chat-messaging:1.1.0")
// AndroidManifest.xml: <uses-permission android:name="android.permission.INTERNET" />
// An emulator reaches this computer as 10.0.2.2, not as localhost. Without TLS, the app has
// to allow cleartext traffic.
import com.amazonaws.ivs.chat.messaging.ChatRoom
import com.amazonaws.ivs.chat.messaging.ChatRoomListener
import com.amazonaws.ivs.chat.messaging.ChatToken
import com.amazonaws.ivs.chat.messaging.ChatTokenCallback
import com.amazonaws.ivs.chat.messaging.DisconnectReason
import com.amazonaws.ivs.chat.messaging.entities.ChatEvent
import com.amazonaws.ivs.chat.messaging.entities.ChatMessage
import com.amazonaws.ivs.chat.messaging.entities.DeleteMessageEvent
import com.amazonaws.ivs.chat.messaging.entities.DisconnectUserEvent
import com.amazonaws.ivs.chat.messaging.requests.SendMessageRequest
import java.net.URL
import kotlin.concurrent.thread
import org.json.JSONObject

// Asks your backend, such as the one under JavaScript.
fun fetchChatToken(callback: ChatTokenCallback) {
    thread {
        try {
            val answer = JSONObject(URL("https://YOUR-BACKEND${tokenPath(userId)}").readText())
            callback.onSuccess(ChatToken(token = answer.getString("token"), sessionExpirationTime = null, tokenExpirationTime = null))
        } catch (error: Exception) {
            callback.onError(error)
        }
    }
}

val listener = object : ChatRoomListener {
    override fun onConnecting(room: ChatRoom) {}
    override fun onConnected(room: ChatRoom) {
        room.sendMessage(SendMessageRequest("Hello"))
    }
    override fun onDisconnected(room: ChatRoom, reason: DisconnectReason) {}
    override fun onMessageReceived(room: ChatRoom, message: ChatMessage) {
        println("\${message.sender.userId} \${message.content}")
    }
    override fun onEventReceived(room: ChatRoom, event: ChatEvent) {}
    override fun onMessageDeleted(room: ChatRoom, event: DeleteMessageEvent) {}
    override fun onUserDisconnected(room: ChatRoom, event: DisconnectUserEvent) {}
}

fun enterRoom(): ChatRoom {
    val room = ChatRoom(regionOrUrl = "${chatUrl}", tokenProvider = ::fetchChatToken)
    room.listener = listener
    room.connect()
    return room
}
`;
}

// The methods of the delegate are optional. The SDK has a type Chat of its own.
function iosCode({ userId }: Values) {
  return `// The iOS SDK takes no URL. The name edge.ivschat.${page.region}.amazonaws.com has to lead
// to this server, over TLS with a certificate that the device trusts.
import AmazonIVSChatMessaging
import Foundation

// Asks your backend, such as the one under JavaScript.
func fetchChatToken() async throws -> ChatToken {
    let url = URL(string: "https://YOUR-BACKEND${tokenPath(userId)}")!
    let (data, _) = try await URLSession.shared.data(from: url)
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .preciseISO8601
    return try decoder.decode(ChatToken.self, from: data)
}

final class ChatModel: ChatRoomDelegate {
    let room = ChatRoom(awsRegion: "${page.region}", tokenProvider: fetchChatToken)

    func enter() async throws {
        room.delegate = self
        try await room.connect()
        _ = try await room.perform(request: SendMessageRequest(content: "Hello"))
    }

    func room(_ room: ChatRoom, didReceive message: ChatMessage) {
        print(message.sender.userId, message.content)
    }
}
`;
}

export function snippets(v: Values): Snippet[] {
  return [
    { id: 'cli', title: 'AWS CLI', text: cliCode(v) },
    { id: 'browser', title: 'Browser', text: browserCode(v) },
    { id: 'node', title: 'JavaScript', text: backendCode(v) },
    { id: 'python', title: 'Python', text: `# pip install boto3
import boto3

ivschat = boto3.client(
    "ivschat", endpoint_url="${endpoint}", region_name="${page.region}",
    aws_access_key_id="${v.accessKeyId}", aws_secret_access_key="${v.secretAccessKey}",
)
token = ivschat.create_chat_token(
    roomIdentifier="${v.roomArn}",
    userId=${literal(v.userId, '"')}, capabilities=[${may(v, '"')}],
)["token"]
` },
    { id: 'go', title: 'Go', text: `package main

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
)

func main() {
	client := ivschat.New(ivschat.Options{
		BaseEndpoint: aws.String("${endpoint}"),
		Region:       "${page.region}",
		Credentials:  credentials.NewStaticCredentialsProvider("${v.accessKeyId}", "${v.secretAccessKey}", ""),
	})
	token, err := client.CreateChatToken(context.Background(), &ivschat.CreateChatTokenInput{
		RoomIdentifier: aws.String("${v.roomArn}"),
		UserId:         aws.String(${literal(v.userId, '"')}),
		Capabilities:   []types.ChatTokenCapability{${may(v, '', (c) => `types.ChatTokenCapability${goNames[c]}`)}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*token.Token)
}
` },
    { id: 'terraform', title: 'Terraform', text: terraformCode(v) },
    { id: 'android', title: 'Android', text: androidCode(v) },
    { id: 'ios', title: 'iOS', text: iosCode(v) },
  ];
}
