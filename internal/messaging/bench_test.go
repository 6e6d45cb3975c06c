package messaging_test

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/enforce"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/modes"
	"confab/internal/traces"
)

// quiet is what an engine needs around it, and allocates nothing itself.
type quiet struct {
	room      *chat.Room
	durable   chan struct{}
	delivered int
}

func (q *quiet) Room(context.Context, string) (*chat.Room, error)      { return q.room, nil }
func (q *quiet) Redeem(context.Context, *chat.Token, netip.Addr) error { return nil }
func (q *quiet) Append(*chat.Frame) <-chan struct{}                    { return q.durable }
func (q *quiet) Queue(*chat.Frame) <-chan struct{}                     { return q.durable }
func (q *quiet) Write()                                                {}
func (q *quiet) AppendFrame(b, json []byte) []byte                     { return append(b, json...) }
func (q *quiet) Latest(context.Context, string, int, time.Time) ([]*chat.Frame, error) {
	return nil, nil
}

func (*quiet) Sender(context.Context, string, string) (userID string, hidden bool, err error) {
	return "", false, nil
}

func (q *quiet) Failing() bool { return false }

func (q *quiet) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (*chat.Message, bool, error) {
	return m, false, nil
}

func (q *quiet) Deliver([]byte) int {
	q.delivered++
	return 1
}

func (q *quiet) DeliverAnd(_ []byte, then func()) int {
	then()
	return q.Deliver(nil)
}

// newQuiet returns an engine with one room, and a session in it.
func newQuiet(tb testing.TB, extensions bool, tags map[string]string) (*messaging.Engine, *messagingtest.Client) {
	tb.Helper()
	q := &quiet{room: messagingtest.NewRoom(roomID), durable: make(chan struct{})}
	close(q.durable)
	q.room.Tags, q.room.MaximumMessageRatePerSecond = tags, 1<<30
	var rules messaging.Rules
	if extensions { // As package app does.
		m := modes.New()
		rules = messaging.Rules{Modes: m, Filters: enforce.Filters{Content: new(contentfilter.Filters)}, Said: m.Remember, Moderated: func(messaging.Operation) {}, Traces: traces.New(0)}
	}
	e := messaging.NewEngine(messaging.Options{
		Rooms: q, Tokens: q, Reviewer: q, Transcript: q, History: q, Extensions: extensions,
		NewAudience: func() messaging.Audience { return q },
		Metrics:     messaging.NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
		Rules: rules,
	})
	tb.Cleanup(e.Close)
	return e, messagingtest.Join(tb, e, messagingtest.Token(roomID, "ann", time.Now()))
}

// paths are what a room does most: it delivers a frame, takes a message, tells of a deleted one,
// and lets a connection in and out.
func paths(tb testing.TB, e *messaging.Engine, c *messagingtest.Client) map[string]func() {
	tb.Helper()
	ctx := tb.Context()
	m := chat.Message{ID: chat.NewID(), Content: "hello", SendTime: time.Now(), UserID: "ann"}
	frame := &chat.Frame{RoomID: roomID, ID: m.ID, Type: chat.MessageFrame, Action: chat.ActionSendMessage, Time: m.SendTime, JSON: m.AppendJSON(nil), UserID: "ann"}
	token := messagingtest.Token(roomID, "bob", time.Now())
	client := messaging.Client{IP: netip.MustParseAddr("192.0.2.1")}
	return map[string]func(){
		"deliver": func() { e.Deliver(frame) },
		"message": func() {
			if err := c.SendMessage(ctx, messaging.Request{ID: "r", Received: time.Now()}, "hello", nil); err != nil {
				tb.Error(err)
			}
		},
		"delete": func() {
			if err := c.DeleteMessage(ctx, messaging.Request{ID: "r", Received: time.Now()}, m.ID, "spam"); err != nil {
				tb.Error(err)
			}
		},
		"join": func() {
			s, err := e.Join(ctx, token, c, client)
			if err != nil {
				tb.Error(err)
				return
			}
			s.Leave()
		},
	}
}

// TestUnusedExtensionsAllocateNothing holds rooms without tags of Confab, modes and filters
// against an engine in which these mean nothing, and which does not remember what came of
// messages: deliveries, messages and connections allocate as much.
func TestUnusedExtensionsAllocateNothing(t *testing.T) {
	off, on := pathsOf(t, false), pathsOf(t, true)
	for name, f := range off {
		// What runs beside the test may allocate meanwhile.
		least := func(f func()) float64 {
			n := testing.AllocsPerRun(200, f)
			for range 4 {
				n = min(n, testing.AllocsPerRun(200, f))
			}
			return n
		}
		if without, with := least(f), least(on[name]); without != with {
			t.Errorf("%s: %v allocations with extensions, %v without", name, with, without)
		}
	}
}

func pathsOf(t *testing.T, extensions bool) map[string]func() {
	t.Helper()
	e, c := newQuiet(t, extensions, map[string]string{"team": "chat"})
	return paths(t, e, c)
}

// BenchmarkPaths shows what the paths cost in a room without tags of Confab, and in one with
// history.
func BenchmarkPaths(b *testing.B) {
	for _, room := range []struct {
		name       string
		extensions bool
		tags       map[string]string
	}{
		{"extensions=off", false, nil},
		{"extensions=on", true, nil},
		{"history", true, map[string]string{"confab:history": "1h", "confab:history-on-join": "50"}},
	} {
		e, c := newQuiet(b, room.extensions, room.tags)
		for _, name := range []string{"deliver", "message", "delete", "join"} {
			path := paths(b, e, c)[name]
			b.Run(name+"/"+room.name, func(b *testing.B) {
				b.ReportAllocs()
				before := processorTime(b)
				for b.Loop() {
					path()
				}
				b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			})
		}
		runtime.GC()
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
