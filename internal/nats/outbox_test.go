package nats_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"confab/internal/nats"
)

// TestCloseSendsAll closes a connection just after it has published: nothing is lost, and the order
// stays.
func TestCloseSendsAll(t *testing.T) {
	t.Parallel()
	s := external(t, server.RANDOM_PORT)
	a, b := open(t, nats.Options{Name: "a", URL: s.ClientURL()}), open(t, nats.Options{Name: "b", URL: s.ClientURL()})
	const count = 1000
	arrived := make(chan string, count)
	if err := b.Subscribe("numbers", func(_ string, data []byte, _ func([]byte)) { arrived <- string(data) }); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		if err := a.Publish("numbers", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	for i := range count {
		select {
		case got := <-arrived:
			if want := fmt.Sprint(i); got != want {
				t.Fatalf("%s arrived, want %s", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d messages have arrived", i, count)
		}
	}
	if err := a.Publish("numbers", nil); err == nil {
		t.Error("published over a closed connection")
	}
}

// TestRequests has many questions at a time. Each gets its own answer, also if those of others come
// late or never.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := external(t, server.RANDOM_PORT)
	a, b := open(t, nats.Options{Name: "a", URL: s.ClientURL()}), open(t, nats.Options{Name: "b", URL: s.ClientURL()})
	late := make(chan func([]byte), 100)
	if err := b.Subscribe("ask", func(_ string, data []byte, reply func([]byte)) {
		if string(data) == "late" {
			late <- reply
			return
		}
		reply(append([]byte("answer "), data...))
		reply([]byte("a second answer"))
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 10 {
		asking.Go(func() {
			if answer, err := a.Request(ctx, "ask", []byte("late")); !errors.Is(err, context.Canceled) {
				t.Errorf("%q, %v, want no answer", answer, err)
			}
		})
	}
	for range 10 {
		reply := <-late
		defer reply([]byte("too late"))
	}
	cancel()
	asking.Wait()
	for i := range 200 {
		asking.Go(func() {
			q := fmt.Sprint(i)
			answer, err := a.Request(t.Context(), "ask", []byte(q))
			if err != nil || string(answer) != "answer "+q {
				t.Errorf("%s: %q, %v", q, answer, err)
			}
		})
	}
	asking.Wait()
	if _, err := a.Request(t.Context(), "nobody", nil); err == nil {
		t.Error("an answer without a subscriber")
	}
}
