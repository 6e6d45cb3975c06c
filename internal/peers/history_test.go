package peers

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

// node is another node. It answers as it does, and then stores what it had not stored.
type node struct {
	peers  *Peers
	answer func()
}

func (n *node) Ask(ctx context.Context, topic string, body []byte) map[string][]byte {
	all, _ := n.AskOthers(ctx, topic, body)
	return all
}

func (n *node) AskOthers(ctx context.Context, topic string, body []byte) (answers map[string][]byte, complete bool) {
	a, err := n.peers.Answers()[topic](ctx, body)
	n.answer()
	return map[string][]byte{"other": a, "broken": []byte("{")}, err == nil
}

// unstored are the deletions of a room that are not stored.
type unstored map[string][]string

func (u unstored) Flush(context.Context) error    { return nil }
func (u unstored) Deleted(roomID string) []string { return u[roomID] }

// stored is the history in the database.
type stored struct{ ids []string }

func (s *stored) Latest(context.Context, string, int, time.Time) (all []*chat.Frame, err error) {
	for _, id := range s.ids {
		all = append(all, &chat.Frame{ID: id})
	}
	return all, nil
}

func (s *stored) Sender(context.Context, string, string) (userID string, hidden bool, err error) {
	return "", false, nil
}

// TestHistory holds that one who joins does not get a message that another node has deleted,
// whether the database knows of it already or not.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := &stored{ids: []string{"a", "b", "c"}}
	waiting := unstored{"room": {"b"}, "another": {"c"}}
	here := &Peers{Node: &node{peers: &Peers{Frames: waiting}, answer: func() {
		delete(waiting, "room")
		s.ids = []string{"a", "c"}
	}}}
	latest := func() (ids []string) {
		all, err := here.History(s).Latest(t.Context(), "room", 10, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			ids = append(ids, f.ID)
		}
		return ids
	}
	for _, when := range []string{"stored while the history is read", "stored before"} {
		if d := cmp.Diff([]string{"a", "c"}, latest()); d != "" {
			t.Errorf("%s: %s", when, d)
		}
	}
	waiting["room"] = []string{"b"}
	s.ids = []string{"a", "b", "c"}
	here.Node.(*node).answer = func() {}
	if d := cmp.Diff([]string{"a", "c"}, latest()); d != "" {
		t.Errorf("not stored: %s", d)
	}
}
