//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"confab/bench/confab"
	"confab/bench/load"
)

// frameSize is how long a delivered message is in every protocol, its frame
// header included.
const frameSize = 308

// protocol is how a client talks to a server.
type protocol interface {
	// handshake is how client number i enters a room.
	handshake(i, room int) load.Handshake
	// message is the frame with which a member of the room sends a message that
	// carries the mark of the number.
	message(room, number int) []byte
	// everybodySends tells whether messages come from all members in turn,
	// because one may not send so many, or from the first member alone.
	everybodySends() bool
}

// filler makes a payload of n bytes with the mark of a number.
func filler(n, number int) string {
	s := string(load.AppendMark(nil, number))
	return s + strings.Repeat("x", n-len(s))
}

// plain is the protocol of broadcasters: the path is the room, and a message
// goes to everybody as it is.
type plain struct{}

func (plain) handshake(_, room int) load.Handshake {
	return load.Handshake{Room: room, Request: load.Request(fmt.Sprintf("/%d", room), "")}
}

func (plain) message(_, number int) []byte {
	return load.AppendFrame(nil, 1, []byte(filler(frameSize-4, number)))
}

func (plain) everybodySends() bool { return false }

// natsProtocol is that of NATS inside WebSocket frames. A room is a subject.
type natsProtocol struct{}

func (natsProtocol) handshake(_, room int) load.Handshake {
	hello := fmt.Sprintf("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB room.%d 1\r\nPING\r\n", room)
	return load.Handshake{
		Room: room, Request: load.Request("/", ""),
		Hello: load.AppendFrame(nil, 2, []byte(hello)), Joined: []byte("PONG\r\n"),
	}
}

func (natsProtocol) message(room, number int) []byte {
	subject := fmt.Sprintf("room.%d", room)
	payload := filler(frameSize-len("\x82\x7e\x01\x30MSG  1 256\r\n\r\n")-len(subject), number)
	return load.AppendFrame(nil, 2, fmt.Appendf(nil, "PUB %s %d\r\n%s\r\n", subject, len(payload), payload))
}

func (natsProtocol) everybodySends() bool { return false }

// centrifugeProtocol is the JSON protocol of Centrifugo. A room is a channel.
type centrifugeProtocol struct{}

func (centrifugeProtocol) handshake(_, room int) load.Handshake {
	hello := fmt.Sprintf(`{"id":1,"connect":{}}`+"\n"+`{"id":2,"subscribe":{"channel":"room%d"}}`, room)
	return load.Handshake{
		Room: room, Request: load.Request("/connection/websocket", ""),
		Hello: load.AppendFrame(nil, 1, []byte(hello)), Joined: []byte(`"id":2`),
	}
}

func (centrifugeProtocol) message(room, number int) []byte {
	channel := fmt.Sprintf("room%d", room)
	n := frameSize - len(`\x81\x7e\x01\x30{"push":{"channel":"","pub":{"data":""}}}`) + 12 - len(channel)
	return load.AppendFrame(nil, 1, fmt.Appendf(nil, `{"id":3,"publish":{"channel":%q,"data":%q}}`, channel, filler(n, number)))
}

func (centrifugeProtocol) everybodySends() bool { return false }

// confabProtocol is the Messaging API of IVS Chat. A room takes 100 messages a
// second at most, so what is to go faster are DELETE_MESSAGE requests, which
// only the connection limits, to ten a second: all members send in turn. The moderation log
// records each of them.
type confabProtocol struct {
	tokens  []string // by client
	deletes bool
}

// newConfabProtocol makes the rooms and tokens of a scenario.
func newConfabProtocol(ctx context.Context, server *confab.Server, s *scenario) (*confabProtocol, error) {
	rooms, err := server.Rooms(ctx, s.rooms)
	if err != nil {
		return nil, err
	}
	if s.disturb != nil && s.disturb.prepare != nil {
		if err := s.disturb.prepare(ctx, server, rooms); err != nil {
			return nil, err
		}
	}
	tokens, err := server.Tokens(ctx, s.rooms*s.members, func(i int) string { return rooms[i/s.members] })
	if err != nil {
		return nil, err
	}
	return &confabProtocol{tokens: tokens, deletes: s.rate == 0 && !s.messages}, nil
}

func (p *confabProtocol) handshake(i, room int) load.Handshake {
	return load.Handshake{Room: room, Request: load.Request("/", p.tokens[i])}
}

// What is around the content or the reason in a delivered frame, times without
// their variable last digits.
const (
	messageAround = `....{"Type":"MESSAGE","Id":"012345678901","RequestId":"","Attributes":null,"Content":"","SendTime":"2006-01-02T15:04:05.123456789Z","Sender":{"UserId":"viewer000000","Attributes":{}}}`
	deleteAround  = `....{"Type":"EVENT","Id":"012345678901","RequestId":"","EventName":"aws:DELETE_MESSAGE","Attributes":{"MessageID":"012345678901","MessageId":"012345678901","Reason":""},"SendTime":"2006-01-02T15:04:05.123456789Z"}`
)

func (p *confabProtocol) message(_, number int) []byte {
	var request map[string]string
	if p.deletes {
		request = map[string]string{"Action": "DELETE_MESSAGE", "Id": "012345678901", "Reason": filler(frameSize-len(deleteAround), number)}
	} else {
		request = map[string]string{"Action": "SEND_MESSAGE", "Content": filler(frameSize-len(messageAround), number)}
	}
	b, err := json.Marshal(request)
	if err != nil {
		panic(err) // A map of strings always has a form.
	}
	return load.AppendFrame(nil, 1, b)
}

func (p *confabProtocol) everybodySends() bool { return true }
