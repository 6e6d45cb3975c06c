package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
)

const (
	// idleTime is what proxies often end connections after.
	idleTime = time.Minute
	doctor   = "confab-doctor"
	// largeAttributes leaves a little of the 1,024 bytes that attributes may have.
	largeAttributes = 1000
)

// chat connects to a room, sends, receives, and pings. It reports one finding: the first
// thing that is wrong.
func (p *patient) chat(ctx context.Context) (Finding, bool) {
	room := p.Room
	if room == "" {
		out, err := p.API.CreateRoom(ctx, &ivschat.CreateRoomInput{Name: aws.String(doctor)})
		if err != nil {
			return bad("room", p.API.Explain(err).Error(), "name a room with --room, or allow ivschat:CreateRoom"), false
		}
		room = aws.ToString(out.Arn)
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
			defer cancel()
			if _, err := p.API.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: &room}); err != nil {
				_ = p.Found(bad("room", p.API.Explain(err).Error(), "delete the room with confab room delete "+room))
			}
		}()
	}
	conn, wrong := p.join(ctx, room, nil)
	if conn == nil {
		return wrong, false
	}
	defer conn.CloseNow()
	took, err := roundTrip(ctx, conn)
	if err != nil {
		return bad("messages", err.Error(), "the proxy must pass WebSocket frames both ways without buffering"), false
	}
	if large, wrong := p.join(ctx, room, map[string]string{doctor: strings.Repeat("x", largeAttributes)}); large != nil {
		large.CloseNow()
	} else {
		return bad("large tokens", "a chat token with large attributes is refused, a small one is not: "+wrong.Detail,
			"let the proxy pass headers of 16 KB (nginx: large_client_header_buffers 4 16k; HAProxy: tune.bufsize 32768)"), false
	}
	if p.Long {
		if wrong, stays := idle(ctx, conn); !stays {
			return wrong, false
		}
		return ok("messages", "a message came back in %s, pings pass, and a connection stays that is idle for %s", took.Round(time.Microsecond), idleTime)
	}
	return ok("messages", "a message came back in %s, and pings pass", took.Round(time.Microsecond))
}

// join connects to the room with a new token.
func (p *patient) join(ctx context.Context, room string, attributes map[string]string) (*websocket.Conn, Finding) {
	token, err := p.API.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: &room, UserId: aws.String(doctor), Attributes: attributes,
		Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
	})
	if err != nil {
		return nil, bad("chat token", p.API.Explain(err).Error(), "allow ivschat:CreateChatToken")
	}
	return p.connect(ctx, aws.ToString(token.Token))
}

func (p *patient) connect(ctx context.Context, token string) (*websocket.Conn, Finding) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, p.API.MessagingURL(), &websocket.DialOptions{Subprotocols: []string{token}})
	if err == nil {
		if conn.Subprotocol() != token {
			conn.CloseNow()
			return nil, bad("WebSocket", "the handshake came back without the chat token, so official clients refuse it", "let the proxy pass Sec-WebSocket-Protocol both ways, whole")
		}
		return conn, Finding{}
	}
	if res == nil {
		return nil, bad("WebSocket", err.Error(), "let the proxy pass WebSocket handshakes at the path of the endpoint")
	}
	defer res.Body.Close()
	fix := "let the proxy pass GET with Upgrade, Connection and the Sec-WebSocket headers to the server"
	switch res.StatusCode {
	case http.StatusUpgradeRequired, http.StatusBadRequest, http.StatusOK:
		fix = "the proxy removes Upgrade and Connection: pass them (nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, proxy_set_header Connection upgrade)"
	case http.StatusUnauthorized:
		fix = "the chat token did not arrive whole: let the proxy pass Sec-WebSocket-Protocol"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		fix = "start the server, or correct its address in the proxy; /readyz says why a server is not ready"
	case http.StatusTooManyRequests:
		fix = "the proxy hides the addresses of clients: name it with --trusted-proxies"
	}
	return nil, bad("WebSocket", "the handshake was answered "+res.Status, fix)
}

// roundTrip sends a message, waits for it, and pings.
func roundTrip(living context.Context, conn *websocket.Conn) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(living, checkTime)
	defer cancel()
	begin := time.Now()
	request := fmt.Sprintf("doctor-%d", begin.UnixNano())
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","RequestId":"`+request+`","Content":"ping"}`)); err != nil {
		return 0, fmt.Errorf("a message cannot be sent: %w", err)
	}
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			return 0, fmt.Errorf("no answer came to a message: %w", err)
		}
		if strings.Contains(string(frame), request) {
			break
		}
	}
	took := time.Since(begin)
	// A ping is answered while something reads.
	conn.CloseRead(living)
	if err := conn.Ping(ctx); err != nil {
		return 0, fmt.Errorf("a ping was not answered: %w", err)
	}
	return took, nil
}

// idle holds the connection for a minute. roundTrip reads from it in the background.
func idle(ctx context.Context, conn *websocket.Conn) (Finding, bool) {
	timer := time.NewTimer(idleTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		return bad("idle connection", fmt.Sprintf("a connection was lost that was idle for %s: %v", idleTime, err), "raise the proxy's timeout for WebSockets to an hour (nginx: proxy_read_timeout; HAProxy: timeout tunnel)"), false
	}
	return Finding{}, true
}
