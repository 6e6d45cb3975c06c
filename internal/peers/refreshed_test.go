package peers

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// crowdRoom is the room that clients join.
const crowdRoom = "abcdefABCDEF"

// others are the other nodes. They count the questions.
type others struct {
	nodes map[string]*Peers
	// deaf nodes do not answer.
	deaf map[string]bool

	mu    sync.Mutex
	asked map[string]int // by topic
}

func (o *others) Ask(ctx context.Context, topic string, body []byte) map[string][]byte {
	all, _ := o.AskOthers(ctx, topic, body)
	return all
}

func (o *others) AskOthers(ctx context.Context, topic string, body []byte) (answers map[string][]byte, complete bool) {
	o.mu.Lock()
	o.asked[topic]++
	o.mu.Unlock()
	answers, complete = map[string][]byte{}, true
	for name, p := range o.nodes {
		if o.deaf[name] {
			<-ctx.Done()
			complete = false
			continue
		}
		a, err := p.Answers()[topic](ctx, body)
		if complete = complete && err == nil; err == nil {
			answers[name] = a
		}
	}
	return answers, complete
}

// output is the output of a room to its members on a node.
type output struct{}

func (output) Deliver([]byte) int { return 1 }

func (output) DeliverAnd(_ []byte, then func()) int {
	if then != nil {
		then()
	}
	return 1
}

func (output) AppendFrame(b, json []byte) []byte { return append(b, json...) }

// newNode returns a node with the room, which keeps messages.
func newNode(t *testing.T, history messaging.History, change ...func(*messaging.Options)) *Peers {
	t.Helper()
	room := messagingtest.NewRoom(crowdRoom)
	room.Tags = map[string]string{"confab:history": "1h", "confab:history-on-join": "50"}
	store := messagingtest.NewStore(room)
	o := messaging.Options{
		Rooms: store, Tokens: store, Reviewer: store, Transcript: store, History: history, Extensions: true,
		NewAudience: func() messaging.Audience { return output{} },
		Metrics:     messaging.NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	p := &Peers{Engine: messaging.NewEngine(o), Frames: unstored{}}
	t.Cleanup(p.Engine.Close)
	return p
}

// join joins as a user, for as long as the test runs. The session ends after a time.
func (p *Peers) join(ctx context.Context, user string, session time.Duration) (*messaging.Session, error) {
	token := messagingtest.Token(crowdRoom, user, time.Now())
	token.SessionExpires = token.IssuedAt.Add(session)
	return p.Engine.Join(ctx, token, &messagingtest.Client{}, messaging.Client{Agent: 1})
}

// fifty is a history of fifty messages, which counts how often it is read.
type fifty struct {
	stored
	mu    sync.Mutex
	reads int
}

func (f *fifty) Latest(_ context.Context, _ string, n int, _ time.Time) (all []*chat.Frame, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	for i := range min(n, 50) {
		m := chat.Message{ID: fmt.Sprint("message", i), Content: "hello", SendTime: time.Now().Add(-time.Minute), UserID: "ann"}
		all = append(all, &chat.Frame{ID: m.ID, RoomID: crowdRoom, Type: chat.MessageFrame, Time: m.SendTime, JSON: m.AppendJSON(nil), UserID: "ann"})
	}
	return all, nil
}

// TestCrowdAsksTogether has 10,000 clients join a room with history on a node that did not have the
// room yet. They share one read of the database and one question for deletions, and few questions
// whether they were connected to other nodes before.
func TestCrowdAsksTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, atOnce = 10_000, 500
		kept := &fifty{}
		all := &others{asked: map[string]int{}, nodes: map[string]*Peers{"b": newNode(t, kept), "c": newNode(t, kept)}}
		here := &Peers{Node: all}
		here.Engine = newNode(t, here.History(kept), func(o *messaging.Options) { o.RefreshedElsewhere = here.RefreshedElsewhere }).Engine
		var joined sync.WaitGroup
		for i := range clients {
			joined.Go(func() {
				s, err := here.join(t.Context(), fmt.Sprint("user", i), time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				if first, _ := s.First(); len(first) != 50 {
					t.Errorf("a client gets %d messages first, want 50", len(first))
				}
				t.Cleanup(s.Leave)
			})
			if i%atOnce == atOnce-1 {
				time.Sleep(10 * time.Millisecond) // So many share a commit of their tokens.
			}
		}
		joined.Wait()
		all.mu.Lock()
		defer all.mu.Unlock()
		if kept.reads != 1 || all.asked[topicDeleted] != 1 {
			t.Errorf("%d reads and %d questions for deletions, want one each", kept.reads, all.asked[topicDeleted])
		}
		if n := all.asked[topicRefreshed]; n == 0 || n > 2*clients/atOnce {
			t.Errorf("%d questions whether %d clients were connected elsewhere, want at most %d", n, clients, 2*clients/atOnce)
		}
	})
}

// older answers as a node of a release that asks about one client at a time.
type older struct{ *others }

func (o older) AskOthers(ctx context.Context, topic string, body []byte) (answers map[string][]byte, complete bool) {
	var q userQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, false
	}
	q.More = nil
	body, err := json.Marshal(&q)
	if err != nil {
		return nil, false
	}
	return o.others.AskOthers(ctx, topic, body)
}

// TestRefreshedElsewhere holds that each of many clients that join together gets its own answer,
// also from nodes of an earlier release, and while a node does not answer.
func TestRefreshedElsewhere(t *testing.T) {
	for name, node := range map[string]func(*others) Node{
		"nodes of this release": func(o *others) Node { return o },
		"older nodes":           func(o *others) Node { return older{o} },
		"one does not answer": func(o *others) Node {
			o.deaf = map[string]bool{"deaf": true}
			return o
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const clients = 1200
				b := newNode(t, &fifty{})
				all := &others{asked: map[string]int{}, nodes: map[string]*Peers{"b": b, "deaf": newNode(t, &fifty{})}}
				here := &Peers{Node: node(all)}
				refreshes := func(i int) bool { return i%3 == 0 }
				for i := range clients {
					session := time.Hour
					if refreshes(i) {
						session = time.Minute
					}
					s, err := b.join(t.Context(), fmt.Sprint("user", i), session)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(s.Leave)
				}
				var asked sync.WaitGroup
				for i := range clients {
					asked.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // As a join does.
						defer cancel()
						if got := here.RefreshedElsewhere(ctx, crowdRoom, fmt.Sprint("user", i), 1); got != refreshes(i) {
							t.Errorf("user %d refreshes: %t", i, got)
						}
					})
				}
				asked.Wait()
			})
		})
	}
}
