package client

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/chatroom"
	"confab/internal/command"
)

// tokens returns what gets the chat tokens of a chatroom.Room. What the server refuses for good
// is chatroom.ErrFinal, such as credentials that were deleted, or a room that was.
func tokens(api *command.API, in *ivschat.CreateChatTokenInput) func(context.Context) (chatroom.Token, error) {
	return func(ctx context.Context) (chatroom.Token, error) {
		out, err := api.CreateChatToken(ctx, in)
		if command.Final(err) {
			return chatroom.Token{}, final{api.Explain(err)}
		}
		if err != nil {
			return chatroom.Token{}, api.Explain(err)
		}
		return chatroom.Token{Text: aws.ToString(out.Token), Expires: aws.ToTime(out.TokenExpirationTime)}, nil
	}
}

// messagingURL is where to connect; history asks for that many of the latest messages.
func messagingURL(api *command.API, history int) string {
	url := api.MessagingURL()
	if history >= 0 && api.Endpoint != "" {
		url += fmt.Sprintf("?history=%d", history)
	}
	return url
}

// patience is how long a chat tries to come back after it has lost its connection.
const patience = time.Minute

// final is an error that is chatroom.ErrFinal, and is printed as it was.
type final struct{ error }

func (f final) Unwrap() []error { return []error{f.error, chatroom.ErrFinal} }
