// Command coder is a broadcaster in the manner of coder/websocket's chat
// example: a channel for each subscriber, who is cut when it is full, and writes
// with a timeout.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"
)

type subscriber struct {
	messages chan []byte
	cut      func()
}

type room struct {
	mu          sync.Mutex
	subscribers map[*subscriber]struct{}
}

func (r *room) publish(payload []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.subscribers {
		select {
		case s.messages <- payload:
		default:
			go s.cut()
		}
	}
}

func (r *room) serve(c *websocket.Conn) {
	defer c.CloseNow()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &subscriber{messages: make(chan []byte, 256), cut: cancel}
	r.mu.Lock()
	r.subscribers[s] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.subscribers, s)
		r.mu.Unlock()
	}()
	go func() {
		defer cancel()
		for {
			_, payload, err := c.Read(ctx)
			if err != nil {
				return
			}
			r.publish(payload)
		}
	}()
	for {
		select {
		case payload := <-s.messages:
			if write(ctx, c, payload) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func write(ctx context.Context, c *websocket.Conn, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return c.Write(ctx, websocket.MessageText, payload)
}

func main() {
	var mu sync.Mutex
	rooms := make(map[string]*room)
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		r := rooms[q.URL.Path]
		if r == nil {
			r = &room{subscribers: make(map[*subscriber]struct{})}
			rooms[q.URL.Path] = r
		}
		mu.Unlock()
		c, err := websocket.Accept(w, q, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			return
		}
		r.serve(c)
	})))
}
