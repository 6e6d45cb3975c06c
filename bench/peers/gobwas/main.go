// Command gobwas is a broadcaster on gobwas/ws without buffers: a goroutine
// reads for each connection, and a goroutine that has something to send writes the
// compiled frame to everybody in the room.
package main

import (
	"log"
	"net"
	"os"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

type room struct {
	mu      sync.Mutex
	members map[net.Conn]struct{}
}

func (r *room) broadcast(payload []byte) {
	frame := ws.MustCompileFrame(ws.NewTextFrame(payload))
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.members {
		c.Write(frame) // Its reader learns of an error, too.
	}
}

func (r *room) serve(c net.Conn) {
	r.mu.Lock()
	r.members[c] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.members, c)
		r.mu.Unlock()
	}()
	for {
		payload, op, err := wsutil.ReadClientData(c)
		if err != nil {
			return
		}
		if op == ws.OpText {
			r.broadcast(payload)
		}
	}
}

// rooms are all rooms by path.
type rooms struct {
	mu     sync.Mutex
	byPath map[string]*room
}

func (all *rooms) find(path string) *room {
	all.mu.Lock()
	defer all.mu.Unlock()
	r := all.byPath[path]
	if r == nil {
		r = &room{members: make(map[net.Conn]struct{})}
		all.byPath[path] = r
	}
	return r
}

func (all *rooms) serve(c net.Conn) {
	defer c.Close()
	var path string
	u := ws.Upgrader{OnRequest: func(uri []byte) error {
		path = string(uri)
		return nil
	}}
	if _, err := u.Upgrade(c); err != nil {
		return
	}
	all.find(path).serve(c)
}

func main() {
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	all := &rooms{byPath: make(map[string]*room)}
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go all.serve(c)
	}
}
