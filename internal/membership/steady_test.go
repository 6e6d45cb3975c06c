package membership

import (
	"testing"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// TestProposalsDependOn has everything happen that a proposal depends on: a node that had nothing
// to propose looks again. It does not after a heartbeat that says the same.
func TestProposalsDependOn(t *testing.T) {
	v := ViewOf(3, "a", "b", "c")
	beat := func(change func(*protocol.Heartbeat)) func(*Peers) {
		return func(m *Peers) {
			b := m.peers["b"].last
			b.N++
			change(&b)
			m.Note(&b, Epoch)
		}
	}
	for name, tt := range map[string]struct {
		happens func(*Peers)
		same    bool
	}{
		"a heartbeat that says the same":    {beat(func(*protocol.Heartbeat) {}), true},
		"connections":                       {beat(func(b *protocol.Heartbeat) { b.Connections = 5 }), true},
		"another view":                      {beat(func(b *protocol.Heartbeat) { b.View = ViewOf(4, "b") }), false},
		"a promise":                         {beat(func(b *protocol.Heartbeat) { b.Promised = 4 }), false},
		"another form":                      {beat(func(b *protocol.Heartbeat) { b.Reads = protocol.InterestVersion }), false},
		"a node that it no longer sees":     {beat(func(b *protocol.Heartbeat) { b.Sees = []string{"a"} }), false},
		"it drains":                         {beat(func(b *protocol.Heartbeat) { b.Eligible = false }), false},
		"it leaves":                         {beat(func(b *protocol.Heartbeat) { b.Leaving = true }), false},
		"it speaks a newer version":         {beat(func(b *protocol.Heartbeat) { b.Speaks = protocol.Version + 1 }), false},
		"a new peer":                        {func(m *Peers) { m.Note(&protocol.Heartbeat{ID: "d", N: 1}, Epoch) }, false},
		"one that cannot be read":           {func(m *Peers) { m.NoteUnread(&protocol.Heartbeat{ID: "d", N: 1}, Epoch) }, false},
		"a peer that times out":             {func(m *Peers) { m.Expire(Epoch.Add(protocol.SuspectAfter + 1)) }, false},
		"nothing that times out":            {func(m *Peers) { m.Expire(Epoch) }, true},
		"answers to a proposal, or silence": {func(m *Peers) { m.Judge(&v, make([]protocol.PrepareAnswer, 3), true, Epoch) }, false},
	} {
		m := others("a", "b sees a c", "c sees a b")
		for _, p := range m.peers {
			p.last.View, p.last.Promised, p.last.Reads = v, 3, protocol.BriefVersion
		}
		before := m.version
		if tt.happens(m); (m.version == before) != tt.same {
			t.Errorf("%s: unchanged: %t, want %t", name, m.version == before, tt.same)
		}
	}
}

// TestSettled names the states in which time alone may change what a node proposes.
func TestSettled(t *testing.T) {
	v := ViewOf(3, "a", "b", "c")
	for name, tt := range map[string]struct {
		m    *Peers
		view view.View
		want bool
	}{
		"all are members":        {others("a", "b", "c"), v, true},
		"no view":                {others("a"), view.View{}, false},
		"a member is missing":    {others("a", "b"), v, false},
		"a peer is no member":    {others("a", "b", "c", "d"), v, false},
		"another one is missing": {others("a", "b", "d"), v, false},
	} {
		if got := tt.m.settledIn(&tt.view); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
	m := others("a", "b", "c")
	if m.silent["b"] = Epoch.Add(time.Second); m.settledIn(&v) {
		t.Error("with a silent member: true")
	}
}
