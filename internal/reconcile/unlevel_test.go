package reconcile

import (
	"slices"
	"testing"

	"confab/internal/protocol"
	"confab/internal/view"
)

// TestUnlevel says who is made level with whom before a room changes to another history.
func TestUnlevel(t *testing.T) {
	of := func(number uint64, coordinator string, members ...string) view.View {
		return view.View{ID: view.ID{Number: number, Coordinator: coordinator}, Members: members}
	}
	one, two, other := of(1, "a", "a", "b", "c", "d"), of(2, "a", "a", "b"), of(2, "c", "c", "d")
	past := map[view.ID]view.View{one.ID: one, two.ID: two, other.ID: other}
	next := of(3, "a", "a", "b", "c", "d")
	at := func(v view.View, seq uint64) protocol.RoomState {
		return protocol.RoomState{Last: view.Point{View: v.ID, Seq: seq}, Delivered: view.Point{View: v.ID, Seq: seq}, Interest: 1}
	}
	for _, c := range []struct {
		name    string
		states  map[string]protocol.RoomState
		deepest string
		was     map[string]view.ID
		want    map[string][]string
	}{
		{
			name:    "a room that continues with the view of all needs nothing",
			states:  map[string]protocol.RoomState{"a": at(one, 5), "b": at(one, 4), "c": at(one, 3), "d": at(one, 5)},
			deepest: "a", was: map[string]view.ID{"a": one.ID, "b": one.ID, "c": one.ID, "d": one.ID},
		},
		{
			name:    "those of a side that does not continue are made level",
			states:  map[string]protocol.RoomState{"a": at(two, 9), "b": at(two, 9), "c": at(one, 5), "d": at(one, 7)},
			deepest: "a", was: map[string]view.ID{"a": two.ID, "b": two.ID, "c": one.ID, "d": one.ID},
			want: map[string][]string{"c": {"d"}},
		},
		{
			name:    "the side that continues may be in a view that was open nowhere",
			states:  map[string]protocol.RoomState{"a": at(two, 9), "b": at(two, 8), "c": at(one, 5), "d": at(one, 7)},
			deepest: "a", was: map[string]view.ID{"a": one.ID, "b": one.ID, "c": one.ID, "d": one.ID},
			want: map[string][]string{"c": {"d"}},
		},
		{
			name:    "the furthest is asked first",
			states:  map[string]protocol.RoomState{"a": at(two, 9), "b": at(one, 8), "c": at(one, 5), "d": at(one, 7)},
			deepest: "a", was: map[string]view.ID{"a": two.ID, "b": one.ID, "c": one.ID, "d": one.ID},
			want: map[string][]string{"c": {"b", "d"}, "d": {"b"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &gathered{room: "r", states: c.states, deepest: c.deepest, bestAt: c.states[c.deepest].Last}
			got := g.unlevel(&next, c.was, past)
			if len(got) != len(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			for member, ahead := range c.want {
				if !slices.Equal(got[member], ahead) {
					t.Errorf("%s is made level with %v, want %v", member, got[member], ahead)
				}
			}
		})
	}
}
