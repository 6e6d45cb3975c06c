package process

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
)

// Join creates a chat token and connects with it, over another implementation of
// WebSocket than the server's. A token that names no capabilities gets
// SEND_MESSAGE.
func Join(ctx context.Context, api *ivschat.Client, url string, in *ivschat.CreateChatTokenInput) (*websocket.Conn, error) {
	if in.Capabilities == nil {
		in.Capabilities = []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage}
	}
	token, err := api.CreateChatToken(ctx, in)
	if err != nil {
		return nil, err
	}
	//nolint:bodyclose // The library closes the response of a handshake.
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{*token.Token}})
	return conn, err
}
