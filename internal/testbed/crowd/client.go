package crowd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"

	"confab/internal/testbed/history"
)

const (
	// tries is how often an official client tries to connect before it stops for good.
	tries = 4
	// handshakeTime bounds one handshake.
	handshakeTime = 10 * time.Second
	// backendPause is how long an application's backend waits before it asks
	// for a token again.
	backendPause = 100 * time.Millisecond
	// stubbornPause is how long a stubborn client waits after a refusal.
	stubbornPause = 250 * time.Millisecond
)

// Client is one user in one room.
type Client struct {
	Name, User, Room string

	crowd *Crowd
	// viewer is set if it can only send messages, so that it is not staff.
	viewer bool
	// address, if it is not empty, is what a proxy says to be its address.
	address string
	// stubborn is set if no Close frame and no refusal stops it.
	stubborn bool

	mu      sync.Mutex // guards what follows
	conn    *websocket.Conn
	node    string                      // of conn
	near    string                      // the node that it prefers, if any
	pending map[string]*history.Request // by RequestId
	sent    int
	gone    bool // a Close frame came, it gave up, or it has left
	lastID  string
}

// Join adds a client. It connects and stays connected as long as an official
// client would.
func (c *Crowd) Join(ctx context.Context, name, user, room string) *Client {
	return c.join(ctx, &Client{Name: name, User: user, Room: room})
}

// join adds a client.
func (c *Crowd) join(ctx context.Context, cl *Client) *Client {
	cl.crowd, cl.pending = c, map[string]*history.Request{}
	cl.gone = cl.stubborn // The run does not wait for it.
	c.mu.Lock()
	c.clients = append(c.clients, cl)
	c.mu.Unlock()
	c.all.Go(func() { cl.run(ctx) })
	return cl
}

// run connects again and again until a Close frame, four refusals in a row, or
// the end of the run.
func (cl *Client) run(ctx context.Context) {
	refused := 0
	defer cl.set(nil, "", true)
	for ctx.Err() == nil {
		token, ok := cl.crowd.token(ctx, cl.User, cl.Room, cl.viewer)
		if !ok {
			return
		}
		conn, node, status := cl.crowd.handshake(ctx, token, cl.prefers(), cl.address)
		switch {
		case conn != nil:
			refused = 0
			if final := cl.serve(ctx, conn, node); final && !cl.stubborn {
				return
			}
		case status != 0 && cl.stubborn:
			pause(ctx, stubbornPause)
		case status != 0:
			if refused++; refused == tries {
				cl.crowd.record(func() {
					cl.crowd.gaveUp = append(cl.crowd.gaveUp, history.GaveUp{Client: cl.Name, User: cl.User, Room: cl.Room, At: cl.crowd.Now(), Status: status})
				})
				return
			}
		default:
			// A load balancer whose node does not answer tries the next.
			if !pause(ctx, 10*time.Millisecond) {
				return
			}
		}
	}
}

// Token is a chat token with a name for the history.
type Token struct{ Name, value, room, user string }

// token asks the backend for a token until there is one. That of a viewer is not staff's.
func (c *Crowd) token(ctx context.Context, user, room string, viewer bool) (Token, bool) {
	capabilities := types.ChatTokenCapability("").Values()
	if viewer {
		capabilities = []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage}
	}
	for ctx.Err() == nil {
		if node, ok := c.o.Pick(); ok {
			calling, cancel := context.WithTimeout(ctx, handshakeTime)
			out, err := node.API.CreateChatToken(calling, &ivschat.CreateChatTokenInput{
				RoomIdentifier: &room, UserId: &user,
				Capabilities: capabilities,
			})
			cancel()
			if err == nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.tokens++
				return Token{Name: fmt.Sprintf("%s/%d", user, c.tokens), value: aws.ToString(out.Token), room: room, user: user}, true
			}
		}
		pause(ctx, backendPause)
	}
	return Token{}, false
}

// handshake connects to the node that the balancer picks, which is the one that the client
// prefers if that is ready. status is the HTTP status of the answer, 0 without one.
func (c *Crowd) handshake(ctx context.Context, token Token, near, address string) (conn *websocket.Conn, node string, status int) {
	n, ok := Node{}, false
	if near != "" && c.o.Near != nil {
		n, ok = c.o.Near(near)
	}
	if !ok {
		n, ok = c.o.Pick()
	}
	if !ok {
		pause(ctx, backendPause)
		return nil, "", 0
	}
	conn, status = c.connect(ctx, n, token, address)
	return conn, n.Name, status
}

// connect uses the token on one node. address, if it is not empty, is that of the client.
func (c *Crowd) connect(ctx context.Context, n Node, token Token, address string) (*websocket.Conn, int) {
	at := c.Now()
	dialing, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	o := &websocket.DialOptions{Subprotocols: []string{token.value}, CompressionMode: websocket.CompressionDisabled}
	if address != "" {
		o.HTTPHeader = http.Header{"X-Forwarded-For": {address}}
	}
	conn, res, err := websocket.Dial(dialing, n.WebSocket, o)
	status := 0
	if res != nil {
		status = res.StatusCode
		if res.Body != nil {
			res.Body.Close()
		}
	}
	c.record(func() {
		c.handshakes = append(c.handshakes, history.Handshake{Token: token.Name, Node: n.Name, Room: token.room, User: token.user, At: at, Answered: c.Now(), Status: status})
	})
	if err != nil {
		return nil, status
	}
	conn.SetReadLimit(1 << 20)
	return conn, status
}

// serve reads the connection to its end, and says whether that is final.
func (cl *Client) serve(ctx context.Context, conn *websocket.Conn, node string) (final bool) {
	defer conn.CloseNow()
	r := &history.Connection{Client: cl.Name, User: cl.User, Room: cl.Room, Node: node, Opened: cl.crowd.Now(), Ended: history.StillOpen}
	cl.crowd.record(func() { cl.crowd.connections = append(cl.crowd.connections, r) })
	cl.set(conn, node, false)
	ending := cl.read(ctx, conn, r)
	cl.crowd.record(func() { r.Ended, r.Ending = cl.crowd.Now(), ending })
	cl.set(nil, "", ending == history.EndedClosed || cl.stubborn)
	return ending == history.EndedClosed
}

// read records frames until the connection ends.
func (cl *Client) read(ctx context.Context, conn *websocket.Conn, r *history.Connection) history.Ending {
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return history.EndedLeft
			case websocket.CloseStatus(err) != -1:
				return history.EndedClosed
			case errors.Is(err, net.ErrClosed):
				return history.EndedLeft
			}
			return history.EndedDropped
		}
		var f frame
		if err := json.Unmarshal(b, &f); err != nil {
			// An official client skips what it cannot read; the history keeps it
			// as a frame that no other client got.
			f = frame{Type: "EVENT", ID: "unreadable: " + string(b)}
		}
		if f.Type == "ERROR" {
			cl.answered(f.RequestID, history.Refused, f.ID, f.ErrorCode)
			if f.ErrorCode == 401 {
				return history.EndedRenewed
			}
			continue
		}
		if f.EventName == gapEvent {
			cl.crowd.record(func() { r.Missed = cmp.Or(f.Attributes["Missed"], "some") })
			continue
		}
		if f.EventName == viewersEvent {
			v := history.Viewers{At: cl.crowd.Now()}
			v.Users, _ = strconv.Atoi(f.Attributes["Users"]) // Without a number it is wrong.
			cl.crowd.record(func() { r.Viewers = append(r.Viewers, v) })
			continue
		}
		got := history.Frame{
			ID: f.ID, RequestID: f.RequestID, Event: f.EventName, Content: f.Content, Target: f.Attributes["UserId"],
			Sum: maphash.Bytes(cl.crowd.seed, b), At: cl.crowd.Now(),
		}
		cl.crowd.record(func() {
			// All messages of a run have a request id, unless they come from the history.
			// One that comes later is not what others got.
			if f.Type == "MESSAGE" && f.RequestID == "" && len(r.Frames) == 0 {
				r.First = append(r.First, got)
			} else {
				r.Frames = append(r.Frames, got)
			}
		})
		if f.Type == "MESSAGE" {
			cl.mu.Lock()
			cl.lastID = f.ID
			cl.mu.Unlock()
		}
		cl.answered(f.RequestID, history.Acknowledged, f.ID, 0)
	}
}

const (
	// gapEvent tells a client that comes back that it misses frames.
	gapEvent = "confab:GAP"
	// viewersEvent tells how many people are there. Each node sends its own.
	viewersEvent = "confab:VIEWERS"
)

// frame is what the service sends.
type frame struct {
	Type, Content, EventName string
	ID                       string `json:"Id"`
	RequestID                string `json:"RequestId"`
	ErrorCode                int
	Attributes               map[string]string
}

// prefers returns the node to which the client connects if it can.
func (cl *Client) prefers() string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.near
}

// set notes that the client has another connection, or none. Requests that were
// pending stay unknown for ever.
func (cl *Client) set(conn *websocket.Conn, node string, gone bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.conn, cl.node, cl.gone = conn, node, gone
	clear(cl.pending)
}

// answered notes the answer to a request.
func (cl *Client) answered(requestID string, outcome history.Outcome, id string, code int) {
	cl.mu.Lock()
	q := cl.pending[requestID]
	delete(cl.pending, requestID)
	cl.mu.Unlock()
	if q == nil {
		return
	}
	now := cl.crowd.Now()
	cl.crowd.record(func() {
		q.Answered, q.Outcome, q.Code = now, outcome, code
		if outcome == history.Acknowledged {
			q.FrameID = id
		}
	})
}
