package membership

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/protocol"
	"confab/internal/view"
)

// Epoch is when the tests of membership begin.
var Epoch = time.Unix(1_700_000_000, 0)

// others makes what node b knows of its peers: each peer's id, and behind it the ids
// that it sees.
func others(self string, peers ...string) *Peers {
	m := New(self)
	m.started = Epoch.Add(-time.Hour)
	for _, text := range peers {
		id, sees, _ := strings.Cut(text, " sees ")
		m.peers[id] = &peer{
			since: Epoch.Add(-time.Hour), seenAt: Epoch,
			last: protocol.Heartbeat{ID: id, N: 1, Eligible: true, Sees: strings.Fields(sees)},
		}
	}
	return &m
}

func ViewOf(number uint64, members ...string) view.View {
	return view.View{ID: view.ID{Number: number, Coordinator: members[0]}, Members: members, Homes: members}
}

func TestMembershipProposal(t *testing.T) {
	now := Epoch
	for _, tt := range []struct {
		name    string
		m       *Peers
		current view.View
		adjust  func(m *Peers)
		want    string // members; homes in brackets if they differ; "" for no proposal
	}{
		{name: "a node that has just started waits for others", m: others("b"), adjust: func(m *Peers) { m.started = now.Add(-protocol.SuspectAfter + 1) }},
		{name: "a node that found no other serves alone", m: others("b"), want: "b"},
		{name: "the lower of two proposes", m: others("a", "b sees a"), current: ViewOf(1, "a"), want: "a b"},
		{name: "the higher of two does not", m: others("b", "a sees b"), current: ViewOf(1, "b")},
		{
			name: "the first view waits until all peers have settled", m: others("a", "b sees a c", "c sees a b"),
			adjust: func(m *Peers) { m.peers["c"].since = now.Add(-protocol.SettleTime + 1) },
		},
		{
			name: "a later view does not wait for a new peer", m: others("a", "b sees a c", "c sees a b"), current: ViewOf(1, "a", "b"), want: "a b",
			adjust: func(m *Peers) { m.peers["c"].since = now.Add(-protocol.SettleTime + 1) },
		},
		{
			name: "a new peer has to see the members", m: others("a", "b sees a c", "c sees a"), current: ViewOf(1, "a", "b"), want: "a b",
			adjust: func(m *Peers) { m.peers["c"].since = now.Add(-protocol.SettleTime) },
		},
		{
			name: "a new peer waits for what it sees", m: others("a", "b sees a c d", "c sees a b d"), current: ViewOf(1, "a", "b"), want: "a b",
			adjust: func(m *Peers) { m.peers["c"].since = now.Add(-protocol.SettleTime) },
		},
		{
			name: "a new peer does not wait for ever for the nodes that it sees", m: others("a", "b sees a c d", "c sees a b d"), current: ViewOf(1, "a", "b"), want: "a b c",
			adjust: func(m *Peers) { m.peers["c"].since = now.Add(-protocol.MergeWithin) },
		},
		{name: "a member that timed out is left out", m: others("a", "b sees a"), current: ViewOf(1, "a", "b", "c"), want: "a b"},
		{name: "a node that its only peer does not see proposes nothing", m: others("a", "b sees c"), current: ViewOf(1, "a", "b")},
		{
			name: "a silent member is left out", m: others("a", "b sees a c", "c sees a b"), current: ViewOf(1, "a", "b", "c"), want: "a b",
			adjust: func(m *Peers) { m.silent["c"] = now.Add(1) },
		},
		{
			name: "a silent member is kept if too few would be left", m: others("a", "b sees a"), current: ViewOf(1, "a", "b"), want: "a b",
			adjust: func(m *Peers) { m.silent["b"] = now.Add(1) },
		},
		{
			name: "silence is over in time", m: others("a", "b sees a c", "c sees a b"), current: ViewOf(1, "a", "b", "c"), want: "a b c",
			adjust: func(m *Peers) { m.silent["c"] = now },
		},
		{
			name: "a node that drains is no home", m: others("a", "b sees a"), current: ViewOf(1, "a", "b"), want: "a b [b]",
			adjust: func(m *Peers) { m.eligible = false },
		},
		{
			name: "if all drain, all are homes", m: others("a", "b sees a"), current: ViewOf(1, "a", "b"), want: "a b",
			adjust: func(m *Peers) { m.eligible, m.peers["b"].last.Eligible = false, false },
		},
		{name: "of two that do not see each other the present member stays", m: others("a", "b sees a", "c sees a"), current: ViewOf(1, "a", "c"), want: "a c"},
		{
			name: "a peer in a view with a lower node that is not reachable is not taken away", m: others("b", "c sees a b", "d sees b"), current: ViewOf(1, "b", "d"), want: "b d",
			adjust: func(m *Peers) { m.peers["c"].last.View = ViewOf(2, "a", "c") },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.adjust != nil {
				tt.adjust(tt.m)
			}
			v, ok := tt.m.Proposal(&tt.current, now)
			got := strings.Join(v.Members, " ")
			if !slices.Equal(v.Members, v.Homes) {
				got += " [" + strings.Join(v.Homes, " ") + "]"
			}
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("proposed %q, %t, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestMembershipLease(t *testing.T) {
	current := ViewOf(1, "a", "b", "c", "d")
	for _, tt := range []struct {
		name string
		ago  map[string]time.Duration // since the heartbeat that a peer acknowledges
		want bool
	}{
		{"three of four", map[string]time.Duration{"b": 0, "c": protocol.LeaseTime - 1}, true},
		{"half is no majority", map[string]time.Duration{"b": 0}, false},
		{"an acknowledgement as old as the lease does not count", map[string]time.Duration{"b": 0, "c": protocol.LeaseTime}, false},
		{"a node that is no member does not count", map[string]time.Duration{"b": 0, "x": 0}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := others("a", "b", "c", "d", "x")
			for id, ago := range tt.ago {
				m.peers[id].leaseAt = Epoch.Add(-ago)
			}
			if got := m.Leased(&current, Epoch); got != tt.want {
				t.Errorf("leased: %t, want %t", got, tt.want)
			}
		})
	}
	t.Run("a node alone has a lease", func(t *testing.T) {
		alone := ViewOf(1, "a")
		if !others("a").Leased(&alone, Epoch) {
			t.Error("it has none")
		}
	})
	t.Run("only nodes in both views are supported", func(t *testing.T) {
		m, next := others("a", "b", "c", "x"), ViewOf(2, "a", "b", "x")
		got := m.SupportLeases(&current, &next, Epoch)
		if diff := cmp.Diff(map[string]uint64{"b": 1}, got); diff != "" {
			t.Error(diff)
		}
		m.peers["c"].ackedAt = Epoch.Add(-300 * time.Millisecond)
		if ago := m.Supported(&current, &next, Epoch); ago != 300*time.Millisecond {
			t.Errorf("the node that is left out was supported %s ago", ago)
		}
		delete(m.peers, "c")
		if ago := m.Supported(&current, &next, Epoch); ago != protocol.LeaseTime {
			t.Errorf("one that timed out was supported %s ago", ago)
		}
	})
}

func TestMembershipLeftOut(t *testing.T) {
	current := ViewOf(5, "b", "c", "d")
	for _, tt := range []struct {
		name  string
		peer  string
		view  view.View
		out   bool
		limit time.Duration
	}{
		{"a member in the same view", "c sees b", current, false, protocol.SuspectAfter + protocol.MergeWithin},
		{"a member in a later view without this node", "c sees b", ViewOf(6, "c", "d"), true, protocol.SuspectAfter},
		{"a member in an earlier one", "c sees b", ViewOf(4, "c", "d"), false, protocol.SuspectAfter + protocol.MergeWithin},
		{"a lower node that sees this one and does not unite", "a sees b", ViewOf(2, "a"), true, protocol.SuspectAfter + protocol.MergeWithin},
		{"a lower node that does not see this one", "a", ViewOf(2, "a"), false, protocol.SuspectAfter + protocol.MergeWithin},
		{"a higher node", "x sees b", ViewOf(9, "x"), false, protocol.SuspectAfter + protocol.MergeWithin},
		{"a node without a view", "a sees b", view.View{}, false, protocol.SuspectAfter + protocol.MergeWithin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := others("b", tt.peer)
			for _, p := range m.peers {
				p.last.View = tt.view
			}
			if out, limit := m.LeftOut(&current); out != tt.out || limit != tt.limit {
				t.Errorf("left out: %t for %s, want %t for %s", out, limit, tt.out, tt.limit)
			}
		})
	}
}

func TestMembershipNews(t *testing.T) {
	m := others("a")
	at := Epoch
	for _, tt := range []struct {
		name  string
		beat  protocol.Heartbeat
		want  News
		peers int
	}{
		{"the first heartbeat", protocol.Heartbeat{N: 5, Eligible: true}, NewsJoined, 1},
		{"the next", protocol.Heartbeat{N: 6, Eligible: true}, newsSame, 1},
		{"a late one", protocol.Heartbeat{N: 5}, NewsNone, 1},
		{"one that drains", protocol.Heartbeat{N: 7}, NewsDrains, 1},
		{"the last", protocol.Heartbeat{N: 8, Leaving: true}, NewsLeft, 0},
		{"a newer version", protocol.Heartbeat{N: 9, Speaks: protocol.Version + 1}, NewsTooNew, 0},
		{"the same again", protocol.Heartbeat{N: 10, Speaks: protocol.Version + 1}, NewsNone, 0},
		{"an old version again", protocol.Heartbeat{N: 11, Speaks: protocol.Version}, NewsJoined, 1},
		{"a newer version of a peer", protocol.Heartbeat{N: 12, Speaks: protocol.Version + 1}, NewsTooNew, 0},
	} {
		tt.beat.ID = "b"
		if got := m.Note(&tt.beat, at); got != tt.want || len(m.peers) != tt.peers {
			t.Errorf("%s: %d with %d peers, want %d with %d", tt.name, got, len(m.peers), tt.want, tt.peers)
		}
	}
	if err := m.Outdated(&view.View{}); err == nil || !strings.Contains(err.Error(), "node b") {
		t.Errorf("outdated beside a newer node: %v", err)
	}
	if err := m.Outdated(new(ViewOf(1, "a", "c"))); err != nil {
		t.Errorf("a member of a view of two is outdated: %v", err)
	}
	m.Note(&protocol.Heartbeat{ID: "c", N: 1}, at)
	if got := m.Expire(at.Add(protocol.SuspectAfter)); got != nil {
		t.Errorf("%v timed out too early", got)
	}
	m.Resumed(at.Add(time.Second))
	if got := m.Expire(at.Add(time.Second + protocol.SuspectAfter)); got != nil || len(m.newer) > 0 {
		t.Errorf("%v timed out after a suspension, and %d newer nodes are left", got, len(m.newer))
	}
	if got := m.Expire(at.Add(time.Second + protocol.SuspectAfter + 1)); !slices.Equal(got, []string{"c"}) {
		t.Errorf("%v timed out, want c", got)
	}
}

func TestMembershipAgreement(t *testing.T) {
	current := ViewOf(5, "a", "b")
	m := others("a", "b", "x")
	m.peers["b"].last.View, m.peers["b"].last.Promised = current, 5
	if !m.Agreed(&current) {
		t.Error("a member that shows the view does not agree")
	}
	m.peers["b"].last.Promised = 6
	if m.Agreed(&current) {
		t.Error("a member that has promised a later view agrees")
	}
	m.peers["x"].last.View = ViewOf(8, "x")
	if n := m.NextNumber(5); n != 9 {
		t.Errorf("the next view has number %d, want 9", n)
	}
	m.peers["b"].last.View = ViewOf(4, "a", "b")
	if m.Agreed(&current) {
		t.Error("a member in an earlier view agrees")
	}

	v := ViewOf(9, "a", "b", "x")
	answers := []protocol.PrepareAnswer{{OK: true, Supported: int64(protocol.LeaseTime)}, {OK: true, Supported: int64(time.Millisecond)}, {}}
	supported, promised := m.Judge(&v, answers, false, Epoch)
	if promised || supported != time.Millisecond || len(m.silent) > 0 {
		t.Errorf("promised: %t, supported %s ago, silent: %v", promised, supported, m.silent)
	}
	if m.Judge(&v, answers, true, Epoch); !m.silent["x"].Equal(Epoch.Add(protocol.SilentFor)) {
		t.Errorf("silent: %v, want x", m.silent)
	}
	answers[2] = protocol.PrepareAnswer{Promised: 12}
	if m.Judge(&v, answers, true, Epoch); m.NextNumber(5) != 13 {
		t.Errorf("a higher promise is not noted")
	}
	answers[2] = protocol.PrepareAnswer{OK: true}
	if _, promised := m.Judge(&v, answers, false, Epoch); !promised {
		t.Error("three of three have promised, and it does not count")
	}
}
