package cli

import (
	"fmt"
	"io"
	"net"
	"text/template"

	"confab/internal/chat"
	"confab/internal/config"
	"confab/internal/console"
)

// printDev prints what a developer copies: blocks for a shell and a web page.
func printDev(w io.Writer, address net.Addr, cfg *config.Config, room *chat.Room) error {
	scheme := ""
	if cfg.TLSCert != "" {
		scheme = "s"
	}
	endpoint := fmt.Sprintf("http%s://%s%s", scheme, address, cfg.BasePath)
	page := ""
	if cfg.Console != config.ConsoleOff {
		page = endpoint + console.Path
	}
	return template.Must(template.New("dev").Parse(devText)).Execute(w, map[string]string{
		"Page":   page,
		"HTTP":   endpoint,
		"WS":     fmt.Sprintf("ws%s://%s%s", scheme, address, cfg.BasePath),
		"Region": cfg.Region,
		"KeyID":  cfg.RootAccessKeyID,
		"Secret": string(cfg.RootSecretAccessKey),
		"Room":   room.ARN.String(),
		"Name":   room.Name,
		"Data":   cfg.DataDir,
	})
}

const devText = `{{with .Page}}Open {{.}} in a browser: two people chat there.

{{end}}Confab is at {{.HTTP}}, for one developer. Its data is in {{.Data}}; chat logs are
in its directory chat-logs.

1. In a shell, for the AWS CLI and SDKs:

export AWS_ENDPOINT_URL_IVSCHAT={{.HTTP}}
export AWS_REGION={{.Region}} AWS_DEFAULT_REGION={{.Region}}
export AWS_ACCESS_KEY_ID={{.KeyID}}
export AWS_SECRET_ACCESS_KEY={{.Secret}}
unset AWS_SESSION_TOKEN AWS_PROFILE

2. In that shell, a chat token for the room "{{.Name}}":

aws ivschat create-chat-token --room-identifier {{.Room}} --user-id ann --capabilities SEND_MESSAGE DELETE_MESSAGE DISCONNECT_USER

3. In a web page, with npm install amazon-ivs-chat-messaging @aws-sdk/client-ivschat:

import { ChatRoom, SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { IvschatClient, CreateChatTokenCommand } from '@aws-sdk/client-ivschat';

const ivschat = new IvschatClient({
  endpoint: '{{.HTTP}}', region: '{{.Region}}',
  credentials: { accessKeyId: '{{.KeyID}}', secretAccessKey: '{{.Secret}}' },
});
const room = new ChatRoom({
  regionOrUrl: '{{.WS}}',
  tokenProvider: () => ivschat.send(new CreateChatTokenCommand({
    roomIdentifier: '{{.Room}}', userId: 'bob', capabilities: ['SEND_MESSAGE'],
  })),
});
room.addListener('message', (message) => console.log(message.sender.userId, message.content));
room.addListener('connect', () => room.sendMessage(new SendMessageRequest('Hello')));
room.connect();

Stop with Ctrl-C.
`
