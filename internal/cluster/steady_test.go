package cluster

import (
	"testing"
	"time"
)

// TestProposalsDependOn has everything happen that a proposal depends on: a node that had nothing
// to propose looks again. It does not after a heartbeat that says the same.
func TestProposalsDependOn(t *testing.T) {
	v := viewOf(3, "a", "b", "c")
	beat := func(change func(*heartbeat)) func(*membership) {
		return func(m *membership) {
			b := m.peers["b"].last
			b.N++
			change(&b)
			m.note(&b, epoch)
		}
	}
	for name, tt := range map[string]struct {
		happens func(*membership)
		same    bool
	}{
		"a heartbeat that says the same":    {beat(func(*heartbeat) {}), true},
		"connections":                       {beat(func(b *heartbeat) { b.Connections = 5 }), true},
		"another view":                      {beat(func(b *heartbeat) { b.View = viewOf(4, "b") }), false},
		"a promise":                         {beat(func(b *heartbeat) { b.Promised = 4 }), false},
		"another form":                      {beat(func(b *heartbeat) { b.Reads = interestVersion }), false},
		"a node that it no longer sees":     {beat(func(b *heartbeat) { b.Sees = []string{"a"} }), false},
		"it drains":                         {beat(func(b *heartbeat) { b.Eligible = false }), false},
		"it leaves":                         {beat(func(b *heartbeat) { b.Leaving = true }), false},
		"it speaks a newer version":         {beat(func(b *heartbeat) { b.Speaks = wireVersion + 1 }), false},
		"a new peer":                        {func(m *membership) { m.note(&heartbeat{ID: "d", N: 1}, epoch) }, false},
		"one that cannot be read":           {func(m *membership) { m.noteUnread(&heartbeat{ID: "d", N: 1}, epoch) }, false},
		"a peer that times out":             {func(m *membership) { m.expire(epoch.Add(suspectAfter + 1)) }, false},
		"nothing that times out":            {func(m *membership) { m.expire(epoch) }, true},
		"answers to a proposal, or silence": {func(m *membership) { m.judge(&v, make([]prepareAnswer, 3), true, epoch) }, false},
	} {
		m := others("a", "b sees a c", "c sees a b")
		for _, p := range m.peers {
			p.last.View, p.last.Promised, p.last.Reads = v, 3, briefVersion
		}
		before := m.version
		if tt.happens(m); (m.version == before) != tt.same {
			t.Errorf("%s: unchanged: %t, want %t", name, m.version == before, tt.same)
		}
	}
}

// TestSettled names the states in which time alone may change what a node proposes.
func TestSettled(t *testing.T) {
	v := viewOf(3, "a", "b", "c")
	for name, tt := range map[string]struct {
		m    *membership
		view View
		want bool
	}{
		"all are members":        {others("a", "b", "c"), v, true},
		"no view":                {others("a"), View{}, false},
		"a member is missing":    {others("a", "b"), v, false},
		"a peer is no member":    {others("a", "b", "c", "d"), v, false},
		"another one is missing": {others("a", "b", "d"), v, false},
	} {
		if got := tt.m.settledIn(&tt.view); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
	m := others("a", "b", "c")
	if m.silent["b"] = epoch.Add(time.Second); m.settledIn(&v) {
		t.Error("with a silent member: true")
	}
}
