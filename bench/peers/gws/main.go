// Command gws is a broadcaster on lxzan/gws with its Broadcaster, which encodes
// a message once and queues it with each connection.
package main

import (
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/lxzan/gws"
)

type room struct {
	mu      sync.Mutex
	members map[*gws.Conn]struct{}
}

type handler struct {
	gws.BuiltinEventHandler
	mu    sync.Mutex
	rooms map[string]*room
}

// of returns the room that the connection asked for.
func (h *handler) of(c *gws.Conn) *room {
	path, _ := c.Session().Load("room")
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[path.(string)]
	if r == nil {
		r = &room{members: make(map[*gws.Conn]struct{})}
		h.rooms[path.(string)] = r
	}
	return r
}

func (h *handler) OnOpen(c *gws.Conn) {
	r := h.of(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[c] = struct{}{}
}

func (h *handler) OnClose(c *gws.Conn, _ error) {
	r := h.of(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, c)
}

func (h *handler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	b := gws.NewBroadcaster(gws.OpcodeText, m.Bytes())
	defer b.Close()
	r := h.of(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	for member := range r.members {
		b.Broadcast(member) // Its reader learns of an error, too.
	}
}

func main() {
	h := &handler{rooms: make(map[string]*room)}
	u := gws.NewUpgrader(h, &gws.ServerOption{
		Authorize: func(r *http.Request, s gws.SessionStorage) bool {
			s.Store("room", r.URL.Path)
			return true
		},
	})
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			return
		}
		go c.ReadLoop()
	})))
}
