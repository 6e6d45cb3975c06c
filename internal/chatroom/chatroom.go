// Package chatroom is a client of the Messaging API that behaves as the official client SDKs
// do. It gets a chat token for each attempt to connect, and replaces its connection before the
// session ends. It connects again after a lost connection and after an ERROR 401. A Close frame
// is final.
//
// Unlike them, it can keep trying for longer than four attempts at once, once it was connected
// (Options.Patience).
package chatroom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

// Token is a chat token and the time at which it ends.
type Token struct {
	Text    string
	Expires time.Time // zero is not known
}

// Options are how a Room connects.
type Options struct {
	// URL is that of the Messaging API, ws:// or wss://.
	URL string
	// Client makes the handshakes; nil is http.DefaultClient.
	Client *http.Client
	// Token gets a chat token. It is called for each attempt. After an error that is ErrFinal
	// there are no more attempts.
	Token func(context.Context) (Token, error)
	// Frame is called with each frame, one at a time, in order.
	Frame func(*Frame)
	// Again is called instead of Frame with a frame that was received before, over this
	// connection or an earlier one. It may be nil.
	Again func(*Frame)
	// State is called when the room is connected (nil), and when it has lost its
	// connection and tries to come back (the reason). It may be nil.
	State func(lost error)
	// Patience is how long attempts to come back continue after the first four; negative is
	// without end. The first connection has four attempts: if they fail, an address or the
	// credentials are probably wrong.
	Patience time.Duration
}

// ErrFinal is an error of Options.Token that is the same at each attempt.
var ErrFinal = errors.New("no further attempt")

const (
	// retries without a pause, as the official clients make them.
	retries = 3
	// The pause between further attempts doubles from one to the other.
	shortestPause = 250 * time.Millisecond
	longestPause  = 5 * time.Second
	// connectTime bounds one attempt. A server holds handshakes back for up to a minute.
	connectTime = 90 * time.Second
	// readLimit bounds a frame. The largest of the service is a few KiB.
	readLimit = 256 << 10
	// remembered is the number of frame ids that are known, so that a frame that comes
	// over two connections is delivered once.
	remembered = 4096
)

// Room is a client of one room.
type Room struct {
	o Options

	delivering sync.Mutex // held while Options.Frame runs

	mu      sync.Mutex // guards the rest
	conn    *websocket.Conn
	ready   chan struct{} // closed while conn is there
	pending map[string]chan *Frame
	seen    map[string]bool
	order   []string // of seen, the oldest first
}

// New makes a client. Run connects it.
func New(o Options) *Room {
	return &Room{o: o, ready: make(chan struct{}), pending: map[string]chan *Frame{}, seen: map[string]bool{}}
}

// Frame is a frame of the Messaging API.
type Frame struct {
	Type         string // MESSAGE, EVENT or ERROR
	ID           string
	RequestID    string
	SendTime     time.Time
	Content      string
	EventName    string
	ErrorCode    int
	ErrorMessage string
	Attributes   map[string]string
	Sender       struct {
		UserID     string
		Attributes map[string]string
	}
	// Raw is the frame as it came.
	Raw json.RawMessage `json:"-"`
}

// Refusal is an ERROR that answers a request.
type Refusal struct {
	Code    int
	Message string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d %s", r.Code, r.Message) }

// Closed is a Close frame from the server. The room does not reconnect after it.
type Closed struct {
	Code   int
	Reason string
}

func (c *Closed) Error() string {
	return fmt.Sprintf("the server closed the connection (%d %s)", c.Code, c.Reason)
}

// ErrUnanswered is returned for a request whose connection was lost before its answer came,
// if no later frame answers it. The server may have carried it out.
var ErrUnanswered = errors.New("no answer came; it may have been carried out")

// Request sends a request and waits for the frame that has its RequestId. While the room is
// not connected, it waits for the connection. An ERROR frame is returned as a *Refusal.
func (r *Room) Request(ctx context.Context, action string, members map[string]any) (*Frame, error) {
	id := uuid.NewString()
	request := map[string]any{"Action": action, "RequestId": id}
	maps.Copy(request, members)
	b, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	answer := make(chan *Frame, 1)
	r.mu.Lock()
	r.pending[id] = answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.pending, id)
		r.mu.Unlock()
	}()
	conn, err := r.connected(ctx)
	if err != nil {
		return nil, err
	}
	// A failed write is a lost connection; the frame may have gone out all the same.
	_ = conn.Write(ctx, websocket.MessageText, b)
	select {
	case f := <-answer:
		if f.Type == "ERROR" {
			return nil, &Refusal{f.ErrorCode, f.ErrorMessage}
		}
		return f, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ErrUnanswered
		}
		return nil, ctx.Err()
	}
}

// Await waits until the room is connected.
func (r *Room) Await(ctx context.Context) error {
	_, err := r.connected(ctx)
	return err
}

// connected waits for a connection.
func (r *Room) connected(ctx context.Context) (*websocket.Conn, error) {
	for {
		r.mu.Lock()
		conn, ready := r.conn, r.ready
		r.mu.Unlock()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// use makes conn the connection for requests; nil is none.
func (r *Room) use(conn *websocket.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil && conn != nil {
		close(r.ready)
	}
	if r.conn != nil && conn == nil {
		r.ready = make(chan struct{})
	}
	r.conn = conn
}

// deliver hands a frame on, unless it was delivered before.
func (r *Room) deliver(raw []byte) (renew bool) {
	f := &Frame{Raw: raw}
	if err := json.Unmarshal(raw, f); err != nil || f.ID == "" {
		return false // As the official clients, which log it.
	}
	r.delivering.Lock()
	defer r.delivering.Unlock()
	r.mu.Lock()
	known := r.seen[f.ID]
	if !known {
		r.seen[f.ID] = true
		if r.order = append(r.order, f.ID); len(r.order) > remembered {
			delete(r.seen, r.order[0])
			r.order = r.order[1:]
		}
	}
	answer := r.pending[f.RequestID]
	r.mu.Unlock()
	if known {
		if r.o.Again != nil {
			r.o.Again(f)
		}
		return false
	}
	r.o.Frame(f)
	if answer != nil {
		select {
		case answer <- f:
		default: // Answered before.
		}
	}
	return f.Type == "ERROR" && f.ErrorCode == 401
}
