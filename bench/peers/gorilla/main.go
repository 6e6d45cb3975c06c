// Command gorilla is a broadcaster in the manner of gorilla/websocket's chat
// example: a hub, and for each client a goroutine that reads, one that writes,
// and a channel between the hub and it. Messages are prepared once.
package main

import (
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/gorilla/websocket"
)

// client is one connection; a full channel means that it is too slow.
type client struct {
	conn *websocket.Conn
	send chan *websocket.PreparedMessage
}

// hub is the clients of one room.
type hub struct {
	mu      sync.Mutex
	clients map[*client]struct{}
}

func (h *hub) broadcast(payload []byte) {
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, payload)
	if err != nil {
		log.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		select {
		case c.send <- m:
		default:
			delete(h.clients, c)
			close(c.send)
		}
	}
}

func (h *hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.clients[c]; ok {
		delete(h.clients, c)
		close(c.send)
	}
}

func (c *client) read(h *hub) {
	defer c.conn.Close()
	defer h.leave(c)
	for {
		_, payload, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		h.broadcast(payload)
	}
}

func (c *client) write() {
	defer c.conn.Close()
	for m := range c.send {
		if c.conn.WritePreparedMessage(m) != nil {
			return
		}
	}
}

func main() {
	var mu sync.Mutex
	hubs := make(map[string]*hub)
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := hubs[r.URL.Path]
		if h == nil {
			h = &hub{clients: make(map[*client]struct{})}
			hubs[r.URL.Path] = h
		}
		mu.Unlock()
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &client{conn, make(chan *websocket.PreparedMessage, 256)}
		h.mu.Lock()
		h.clients[c] = struct{}{}
		h.mu.Unlock()
		go c.write()
		go c.read(h)
	})))
}
