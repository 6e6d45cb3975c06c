package cluster_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// unreachable is the transport of a node whose requests for a promise find no
// subscriber at b, which NATS reports at once.
type unreachable struct {
	*port
	asked chan struct{} // receives when b was asked
	found atomic.Bool   // b is there again
}

func (u *unreachable) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if u.found.Load() || subject != "confab.node.b.prepare" {
		return u.port.Request(ctx, subject, data)
	}
	select {
	case u.asked <- struct{}{}:
	default:
	}
	return nil, errors.New("no responders")
}

// TestNotSilent has a proposal be no good any more while nodes are asked for it,
// because another node joins, and good again before all have answered, because that
// one leaves. A node that was not asked in between, and did not answer before, is
// not left out for that.
func TestNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		r.ChangeAll(func(room *chat.Room) {
			room.LoggingConfigurations = []string{"a logging configuration"}
		})
		u := &unreachable{port: net.port("a"), asked: make(chan struct{})}
		u.found.Store(true)
		nodes := startNodes(t, net, r, func(string) options { return options{} }, "b", "c", "d")
		a := startNode(t, "a", options{rooms: r, transport: u})
		a.port, nodes["a"] = u.port, a
		await(t, nodes, 4)
		// a's own promise waits for a frame that waits for the transcript.
		room := homed(t, nodes, r, "a")
		a.join(t, room)
		commits := r.HoldCommits(t)
		sent := make(chan error, 1)
		go func() { sent <- a.say(t, room, "numbered") }()

		u.found.Store(false)
		net.losing(func(from, to, _ string) bool { return from == "d" && to == "a" })
		<-u.asked // For the view without d.
		net.losing(nil)
		time.Sleep(220 * time.Millisecond) // d joins again.
		nodes["d"].Close()
		nodes["d"].port.kill()
		delete(nodes, "d")
		time.Sleep(5 * time.Millisecond)
		u.found.Store(true)
		commits.Release()
		for range 500 {
			time.Sleep(10 * time.Millisecond)
			if v := a.View(); !slices.Contains(v.Members, "b") {
				t.Fatalf("b was left out: %v", v)
			}
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		await(t, nodes, 3)
	})
}

// TestSilentTogether has two of seven nodes send heartbeats and not answer. They are found out
// together: each that came to light alone would cost the others as long again.
func TestSilentTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := start(t, net, r, "a", "b", "c", "d", "e", "f", "g")
		net.losing(func(_, to, subject string) bool {
			return (to == "e" || to == "f") && strings.HasSuffix(subject, ".prepare")
		})
		nodes["g"].port.kill()
		delete(nodes, "g")
		began := time.Now()
		rest := map[string]*node{"a": nodes["a"], "b": nodes["b"], "c": nodes["c"], "d": nodes["d"]}
		await(t, rest, 4)
		// 1.5 s until g is missed, as long for the questions, up to 1 s until the lease of
		// those left out has run out, and heartbeats in between. One after another: 5.8 s.
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the others continued after %s", took)
		}
		net.heal()
		await(t, nodes, 6)
		speak(t, nodes, r, "again")
	})
}

// TestSealedForLong has a commit of the transcript take longer than a view waits for it. Its home
// promises the next view all the same: the frame gets its place there.
func TestSealedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		r.ChangeAll(func(room *chat.Room) {
			room.LoggingConfigurations = []string{"a logging configuration"}
		})
		nodes := start(t, net, r, "a", "b", "c")
		b := nodes["b"]
		room := homed(t, nodes, r, "b")
		guest := b.join(t, room)
		commits := r.HoldCommits(t)
		sent := make(chan error, 1)
		go func() { sent <- b.say(t, room, "numbered") }()
		synctest.Wait()
		nodes["c"].port.kill()
		delete(nodes, "c")
		await(t, nodes, 2)
		commits.Release()
		if err := <-sent; err != nil {
			t.Error(err)
		}
		if got := guest.Contents(); !slices.Equal(got, []string{"numbered"}) {
			t.Errorf("the guest got %q, want the message once", got)
		}
		speak(t, nodes, r, "afterwards")
	})
}
