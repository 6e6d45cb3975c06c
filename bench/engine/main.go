// Command engine is a broadcaster on internal/websocket alone, like the servers in ../peers:
// everybody in a room, which is the path of the handshake, gets what any client sends. It
// shows how much of Confab's cost is that of the event loops.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"confab/internal/rfc6455"
	"confab/internal/websocket"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "`address` to listen on")
	window := flag.Duration("window", -1, "Options.DeliveryWindow")
	plain := flag.Bool("no-io-uring", false, "without Options.IOURing")
	flag.Parse()
	b := &broadcaster{groups: make(map[string]*websocket.Group)}
	b.server = websocket.NewServer(websocket.Options{DeliveryWindow: *window, IOURing: !*plain}, b)
	s := &http.Server{Addr: *listen, Handler: b, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, s.ListenAndServe())
	os.Exit(1)
}

// broadcaster is a websocket.Handler and the handler of handshakes.
type broadcaster struct {
	server *websocket.Server
	mu     sync.Mutex // guards groups
	groups map[string]*websocket.Group
}

func (b *broadcaster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u, err := rfc6455.CheckUpgrade(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	g := b.group(r.URL.Path)
	// An error means that the client has gone.
	b.server.Attach(websocket.Attachment{Conn: conn, Response: u.Response(""), Group: g, Value: g}) //nolint:errcheck // See above.
}

// group returns the room of a path.
func (b *broadcaster) group(path string) *websocket.Group {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.groups[path]
	if g == nil {
		g = b.server.NewGroup()
		b.groups[path] = g
	}
	return g
}

func (b *broadcaster) Message(c *websocket.Conn, _ rfc6455.Opcode, payload []byte) {
	c.Value().(*websocket.Group).Deliver(payload) //nolint:forcetypeassert // ServeHTTP made it.
}

func (b *broadcaster) Deadline(*websocket.Conn) {}

func (b *broadcaster) Closed(*websocket.Conn, error) {}
