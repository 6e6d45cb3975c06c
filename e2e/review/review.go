// Package review tests message review with real handlers: an HTTP server, a program built with
// aws-lambda-go, and a Node function behind the Lambda Invoke endpoint of serverless-offline.
// The clients are the AWS SDK for Go and a WebSocket.
//
// All three handlers answer as Answer does. The tests need node and the npm packages of
// e2e/review/node, which "make setup" installs.
package review

import (
	"errors"
	"maps"
	"strings"
	"time"
)

// Event is what a handler gets (IVS Chat user guide, "Chat Message Review Handler").
type Event struct {
	Content    string
	MessageId  string //nolint:staticcheck // The name of the payload.
	RoomArn    string
	Attributes map[string]string
	Sender     struct {
		UserId     string //nolint:staticcheck // The name of the payload.
		Ip         string //nolint:staticcheck // The name of the payload.
		Attributes map[string]string
	}
}

// Result is what it answers.
type Result struct {
	ReviewResult string
	Content      string
	Attributes   map[string]string
}

// slow is far above every time limit, and below that of a function.
const slow = 2500 * time.Millisecond

// Answer is the handler of the tests. The first word of a message says what
// becomes of it.
func Answer(e Event) (*Result, error) {
	switch verb, _, _ := strings.Cut(e.Content, " "); verb {
	case "deny":
		return &Result{ReviewResult: "DENY", Attributes: map[string]string{"Reason": "not in this room, " + e.Sender.UserId}}, nil
	case "fail":
		return nil, errors.New("the function failed")
	case "garbage":
		return &Result{ReviewResult: "PERHAPS"}, nil
	case "slow":
		time.Sleep(slow)
	}
	attributes := map[string]string{"role": e.Sender.Attributes["role"], "ip": e.Sender.Ip, "room": e.RoomArn}
	maps.Copy(attributes, e.Attributes)
	return &Result{ReviewResult: "ALLOW", Content: strings.ReplaceAll(e.Content, "darn", "d***"), Attributes: attributes}, nil
}
