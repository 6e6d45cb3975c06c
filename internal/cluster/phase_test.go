package cluster

import (
	"testing"
	"time"

	"confab/internal/view"
)

// TestPhases walks through the lives that a view may have.
func TestPhases(t *testing.T) {
	type step struct {
		what string
		want view.Phase
	}
	for name, tt := range map[string]struct {
		view    view.View
		begins  view.Phase
		steps   []step
		wasOpen bool
	}{
		"no view yet":              {view.View{}, view.Joining, nil, false},
		"a promise without a view": {view.View{}, view.Joining, []step{{"seal", view.Sealed}}, false},
		"a home":                   {viewOf(1, "a"), view.Gathering, []step{{"open", view.Open}, {"seal", view.Sealed}, {"seal", view.Sealed}}, true},
		"a home that is sealed before it has gathered":  {viewOf(1, "a"), view.Gathering, []step{{"seal", view.Sealed}}, false},
		"a home that gathers after it was sealed":       {viewOf(1, "a"), view.Gathering, []step{{"seal", view.Sealed}, {"open", view.Sealed}}, true},
		"a home that promises again after it was shut":  {viewOf(1, "a"), view.Gathering, []step{{"open", view.Open}, {"shut", view.Shut}, {"seal", view.Shut}}, true},
		"a member that is no home":                      {view.View{ID: view.ID{Number: 1, Coordinator: "b"}, Members: []string{"a", "b"}, Homes: []string{"b"}}, view.Open, nil, false},
		"a member that is no home, when the home opens": {view.View{ID: view.ID{Number: 1, Coordinator: "b"}, Members: []string{"a", "b"}, Homes: []string{"b"}}, view.Open, []step{{"mark of b", view.Open}}, true},
		"a home, while another has not opened":          {viewOf(1, "a", "b"), view.Gathering, []step{{"open", view.Open}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newView(t.Context(), "a", tt.view, epoch)
			defer c.end()
			if c.phase != tt.begins {
				t.Errorf("it begins %s, want %s", c.phase, tt.begins)
			}
			for _, s := range tt.steps {
				switch s.what {
				case "open":
					c.open()
				case "seal":
					c.seal(time.Now())
				case "shut":
					c.phase = view.Shut
				case "mark of b":
					c.in["b"].opened = true
				}
				if c.phase != s.want {
					t.Errorf("after %s it is %s, want %s", s.what, c.phase, s.want)
				}
			}
			if c.wasOpen() != tt.wasOpen {
				t.Errorf("it was open: %t, want %t", c.wasOpen(), tt.wasOpen)
			}
		})
	}
	for p, want := range map[view.Phase][2]bool{
		view.Joining: {false, true}, view.Gathering: {false, true}, view.Open: {true, true}, view.Sealed: {false, true}, view.Shut: {false, false},
	} {
		if got := [2]bool{p.Numbers(), p.Publishes()}; got != want {
			t.Errorf("%s: numbers and publishes %v, want %v", p, got, want)
		}
	}
}

// viewOf returns a view whose members are all homes.
func viewOf(number uint64, members ...string) view.View {
	return view.View{ID: view.ID{Number: number, Coordinator: members[0]}, Members: members, Homes: members}
}

// epoch is when the tests of views begin.
var epoch = time.Unix(1_700_000_000, 0)
