package cluster

import (
	"log/slog"
	"slices"
	"testing"

	"confab/internal/protocol"
	"confab/internal/view"
)

// TestStateViews asks a member for its state as a home that had some of its views, and as one of a
// release before, which does not say so: together they know all.
func TestStateViews(t *testing.T) {
	n := New(Options{ID: "a", Prefix: "confab", Transport: silence{}, Metrics: NewMetrics(nil), Log: slog.New(slog.DiscardHandler)})
	n.past = []view.View{viewOf(3, "a", "x"), viewOf(4, "a", "b"), viewOf(5, "a", "b", "c")}
	n.view.View = n.past[2]
	known := []view.View{viewOf(4, "a", "b"), viewOf(5, "a", "b", "c")}
	q := protocol.StateQuestion{View: n.view.ID, Home: "b", Known: []view.ID{known[0].ID, known[1].ID}}
	all := append(known, (requests{n}).state(q).Past...)
	for _, want := range n.past {
		if !slices.ContainsFunc(all, func(got view.View) bool { return got.ID == want.ID && slices.Equal(got.Members, want.Members) }) {
			t.Errorf("the home does not know view %v", want)
		}
	}
	if got := (requests{n}).state(q).Past; len(got) != 1 {
		t.Errorf("the answer has views that the home knows: %v", got)
	}
	q.Known = nil
	if got := (requests{n}).state(q).Past; len(got) != 3 {
		t.Errorf("without knowing what the home knows, the answer has %d views, want 3", len(got))
	}
}
