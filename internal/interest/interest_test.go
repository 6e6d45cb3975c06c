package interest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/interest"
	"confab/internal/view"
)

func TestInterests(t *testing.T) {
	s := interest.New()
	i := s.Use("r")
	if s.Use("r") != i || s.Has("r") {
		t.Error("two uses are one interest, which has not entered")
	}
	s.Next(i)
	i.Entered = true
	if !s.Has("r") || s.Has("q") {
		t.Error("it has entered r only")
	}
	if diff := cmp.Diff(map[string]uint64{"r": 1}, s.Numbers()); diff != "" {
		t.Error(diff)
	}
	if with, without := (&view.View{Interest: true}), (&view.View{}); !s.Receives(with, "r") || s.Receives(with, "q") || !s.Receives(without, "q") {
		t.Error("without interest every frame comes, with it those of r")
	}
	if s.Release("r") != nil || s.Release("r") != i || s.Release("r") != nil || s.Find("r") != nil {
		t.Error("the interest ends with its last use")
	}
	if past, next := s.Past().Number, s.Next(s.Use("r")); past >= next {
		t.Errorf("an interest of the past has the number %d, the next %d", past, next)
	}
}

// TestMembers has messages that begin and end interests come late and twice.
func TestMembers(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(interest.Members)
		has  bool
	}{
		{"begins", func(s interest.Members) { s.Note("r", "a", 1) }, true},
		{"ends", func(s interest.Members) { s.Note("r", "a", 1); s.Remove("r", "a", 1) }, false},
		{"ends, and begins again", func(s interest.Members) { s.Note("r", "a", 1); s.Remove("r", "a", 1); s.Note("r", "a", 2) }, true},
		{"begins again before the end comes", func(s interest.Members) { s.Note("r", "a", 1); s.Note("r", "a", 2); s.Remove("r", "a", 1) }, true},
		{"an earlier beginning comes late", func(s interest.Members) { s.Note("r", "a", 2); s.Note("r", "a", 1); s.Remove("r", "a", 1) }, true},
		{"another member ends", func(s interest.Members) { s.Note("r", "a", 1); s.Remove("r", "b", 5) }, true},
		{"ends before it began", func(s interest.Members) { s.Remove("r", "a", 1) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := interest.Members{}
			tt.do(s)
			if s.Has("r", "a") != tt.has {
				t.Errorf("got %v", s)
			}
			if !tt.has && len(s) > 0 {
				t.Errorf("%v is left", s)
			}
		})
	}
}
