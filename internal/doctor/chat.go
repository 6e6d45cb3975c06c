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

	"confab/internal/command"
)

const (
	// idleTime is what proxies often end connections after.
	idleTime = time.Minute
	doctor   = "confab-doctor"
	// largeAttributes leaves a little of the 1,024 bytes that attributes may have.
	largeAttributes = 1000
	// slow is how long a message takes only where something holds it back.
	slow = 3 * time.Second
)

// makeRoom makes the room of the checks behind it, unless one is named.
func (p *patient) makeRoom(ctx context.Context) (Finding, bool) {
	if p.Room != "" {
		return Finding{}, true
	}
	out, err := p.API.CreateRoom(ctx, &ivschat.CreateRoomInput{Name: aws.String(doctor)})
	if err != nil {
		return bad("room", p.API.Explain(err).Error(), "name a room with --room, or allow ivschat:CreateRoom in the policy of these credentials"), false
	}
	p.Room, p.made = aws.ToString(out.Arn), true
	return Finding{}, true
}

// deleteRoom deletes the room that makeRoom made.
func (p *patient) deleteRoom(ctx context.Context) {
	if !p.made {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
	defer cancel()
	if _, err := p.API.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: &p.Room}); err != nil {
		_ = p.Found(bad("room", p.API.Explain(err).Error(), "delete the room with confab room delete "+p.Room))
	}
}

// encoded makes a signed call whose path has encoded characters.
func (p *patient) encoded(ctx context.Context) (Finding, bool) {
	const name = "encoded paths"
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	_, err := p.API.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: &p.Room})
	if err == nil || command.Code(err) == "AccessDeniedException" {
		return ok(name, "a call whose path has an ARN was answered")
	}
	return bad(name, "a call with an ARN in its path failed: "+p.API.Explain(err).Error(),
		"let the proxy pass all paths, also with encoded slashes (Apache: AllowEncodedSlashes NoDecode)"), true
}

// chat connects to the room, sends, receives, and pings.
func (p *patient) chat(ctx context.Context) (Finding, bool) {
	conn, wrong := p.join(ctx, nil)
	if conn == nil {
		return wrong, false
	}
	p.conn = conn
	took, err := p.roundTrip(ctx)
	if err != nil {
		return bad("messages", err.Error(), "let the proxy pass WebSocket frames both ways, without buffering"), false
	}
	if took > slow {
		return bad("messages", fmt.Sprintf("a message came back only after %s", took.Round(time.Millisecond)),
			"let the proxy pass each frame at once, without buffering (nginx: proxy_buffering off; Caddy: flush_interval -1)"), true
	}
	return ok("messages", "a message came back in %s, and pings pass", took.Round(time.Microsecond))
}

// large connects with a token that has large attributes.
func (p *patient) large(ctx context.Context) (Finding, bool) {
	conn, wrong := p.join(ctx, map[string]string{doctor: strings.Repeat("x", largeAttributes)})
	if conn == nil {
		return bad("large tokens", "a chat token with large attributes is refused, and one without attributes is accepted: "+wrong.Detail,
			"let the proxy accept headers of 16 KB (nginx: large_client_header_buffers 4 16k; HAProxy: tune.bufsize 32768)"), true
	}
	conn.CloseNow()
	return ok("large tokens", "a chat token with large attributes is accepted")
}

// join connects to the room with a new token.
func (p *patient) join(ctx context.Context, attributes map[string]string) (*websocket.Conn, Finding) {
	token, err := p.token(ctx, attributes)
	if err != nil {
		return nil, bad("chat token", p.API.Explain(err).Error(), "allow ivschat:CreateChatToken in the policy of these credentials")
	}
	return p.connect(ctx, token)
}

func (p *patient) token(ctx context.Context, attributes map[string]string) (string, error) {
	out, err := p.API.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: &p.Room, UserId: aws.String(doctor), Attributes: attributes,
		Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Token), nil
}

func (p *patient) connect(ctx context.Context, token string) (*websocket.Conn, Finding) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, p.API.MessagingURL(), &websocket.DialOptions{Subprotocols: []string{token}, HTTPClient: p.API.HTTP()})
	if err == nil {
		if conn.Subprotocol() != token {
			conn.CloseNow()
			return nil, bad("WebSocket", "the handshake came back without the chat token, so official clients refuse it", "let the proxy pass Sec-WebSocket-Protocol both ways, unchanged")
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
		fix = "let the proxy pass Upgrade and Connection, which it removes (nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, proxy_set_header Connection upgrade)"
	case http.StatusUnauthorized:
		fix = "the chat token did not arrive whole: let the proxy pass Sec-WebSocket-Protocol unchanged"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		fix = "start the server, or correct its address in the proxy; /readyz says why a server is not ready"
	case http.StatusTooManyRequests:
		fix = "the server takes all clients of the proxy for one: have the proxy set X-Forwarded-For, and name the proxy with --trusted-proxies"
	}
	return nil, bad("WebSocket", "the handshake was answered with "+res.Status, fix)
}

// roundTrip sends a message, waits for it, and pings. It reads from the connection from then
// on, and closes p.lost when the connection ends.
func (p *patient) roundTrip(living context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(living, checkTime)
	defer cancel()
	begin := time.Now()
	request := fmt.Sprintf("doctor-%d", begin.UnixNano())
	if err := p.conn.Write(ctx, websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","RequestId":"`+request+`","Content":"ping"}`)); err != nil {
		return 0, fmt.Errorf("a message cannot be sent: %w", err)
	}
	for {
		_, frame, err := p.conn.Read(ctx)
		if err != nil {
			return 0, fmt.Errorf("a message got no answer: %w", err)
		}
		if strings.Contains(string(frame), request) {
			break
		}
	}
	took := time.Since(begin)
	// A ping is answered while something reads.
	p.lost = p.conn.CloseRead(living).Done()
	if err := p.conn.Ping(ctx); err != nil {
		return 0, fmt.Errorf("a ping was not answered: %w", err)
	}
	return took, nil
}

// idle holds the connection for a minute.
func (p *patient) idle(ctx context.Context) (Finding, bool) {
	if !p.Long {
		return Finding{}, true
	}
	begin := time.Now()
	timer := time.NewTimer(idleTime)
	defer timer.Stop()
	select {
	case <-timer.C:
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		if p.conn.Ping(ctx) == nil {
			return ok("idle connection", "a connection that was idle for %s is still open", idleTime)
		}
	case <-p.lost:
	case <-ctx.Done():
		return Finding{}, false
	}
	return bad("idle connection", fmt.Sprintf("a connection was closed after it was idle for %s", time.Since(begin).Round(time.Second)),
		"raise the time-out of the proxy for WebSocket connections to 4 hours (nginx: proxy_read_timeout; HAProxy: timeout tunnel)"), true
}
