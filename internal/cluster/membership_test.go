package cluster

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// epoch is when the tests of membership begin.
var epoch = time.Unix(1_700_000_000, 0)

// others makes what node b knows of its peers: each peer's id, and behind it the ids
// that it sees.
func others(self string, peers ...string) *membership {
	m := newMembership(self)
	m.started = epoch.Add(-time.Hour)
	for _, text := range peers {
		id, sees, _ := strings.Cut(text, " sees ")
		m.peers[id] = &peer{
			since: epoch.Add(-time.Hour), seenAt: epoch,
			last: heartbeat{ID: id, N: 1, Eligible: true, Sees: strings.Fields(sees)},
		}
	}
	return &m
}

func viewOf(number uint64, members ...string) View {
	return View{ID: ViewID{number, members[0]}, Members: members, Homes: members}
}

func TestMembershipProposal(t *testing.T) {
	now := epoch
	for _, tt := range []struct {
		name    string
		m       *membership
		current View
		adjust  func(m *membership)
		want    string // members; homes in brackets if they differ; "" for no proposal
	}{
		{name: "a node that has just started waits for others", m: others("b"), adjust: func(m *membership) { m.started = now.Add(-suspectAfter + 1) }},
		{name: "a node that found no other serves alone", m: others("b"), want: "b"},
		{name: "the lower of two proposes", m: others("a", "b sees a"), current: viewOf(1, "a"), want: "a b"},
		{name: "the higher of two does not", m: others("b", "a sees b"), current: viewOf(1, "b")},
		{
			name: "the first view waits until all peers have settled", m: others("a", "b sees a c", "c sees a b"),
			adjust: func(m *membership) { m.peers["c"].since = now.Add(-settleTime + 1) },
		},
		{
			name: "a later view does not wait for a new peer", m: others("a", "b sees a c", "c sees a b"), current: viewOf(1, "a", "b"), want: "a b",
			adjust: func(m *membership) { m.peers["c"].since = now.Add(-settleTime + 1) },
		},
		{
			name: "a new peer has to see the members", m: others("a", "b sees a c", "c sees a"), current: viewOf(1, "a", "b"), want: "a b",
			adjust: func(m *membership) { m.peers["c"].since = now.Add(-settleTime) },
		},
		{
			name: "a new peer waits for what it sees", m: others("a", "b sees a c d", "c sees a b d"), current: viewOf(1, "a", "b"), want: "a b",
			adjust: func(m *membership) { m.peers["c"].since = now.Add(-settleTime) },
		},
		{
			name: "but not for ever", m: others("a", "b sees a c d", "c sees a b d"), current: viewOf(1, "a", "b"), want: "a b c",
			adjust: func(m *membership) { m.peers["c"].since = now.Add(-mergeWithin) },
		},
		{name: "a member that timed out is left out", m: others("a", "b sees a"), current: viewOf(1, "a", "b", "c"), want: "a b"},
		{name: "a node that its only peer does not see continues with nothing", m: others("a", "b sees c"), current: viewOf(1, "a", "b")},
		{
			name: "a silent member is left out", m: others("a", "b sees a c", "c sees a b"), current: viewOf(1, "a", "b", "c"), want: "a b",
			adjust: func(m *membership) { m.silent["c"] = now.Add(1) },
		},
		{
			name: "but not if too few are left", m: others("a", "b sees a"), current: viewOf(1, "a", "b"), want: "a b",
			adjust: func(m *membership) { m.silent["b"] = now.Add(1) },
		},
		{
			name: "silence is over in time", m: others("a", "b sees a c", "c sees a b"), current: viewOf(1, "a", "b", "c"), want: "a b c",
			adjust: func(m *membership) { m.silent["c"] = now },
		},
		{
			name: "a node that drains is no home", m: others("a", "b sees a"), current: viewOf(1, "a", "b"), want: "a b [b]",
			adjust: func(m *membership) { m.eligible = false },
		},
		{
			name: "if all drain, all are homes", m: others("a", "b sees a"), current: viewOf(1, "a", "b"), want: "a b",
			adjust: func(m *membership) { m.eligible, m.peers["b"].last.Eligible = false, false },
		},
		{name: "of two that do not see each other the present member stays", m: others("a", "b sees a", "c sees a"), current: viewOf(1, "a", "c"), want: "a c"},
		{
			name: "a peer in a view with a lower node that is not reachable is not taken away", m: others("b", "c sees a b", "d sees b"), current: viewOf(1, "b", "d"), want: "b d",
			adjust: func(m *membership) { m.peers["c"].last.View = viewOf(2, "a", "c") },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.adjust != nil {
				tt.adjust(tt.m)
			}
			v, ok := tt.m.proposal(&tt.current, now)
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
	current := viewOf(1, "a", "b", "c", "d")
	for _, tt := range []struct {
		name string
		ago  map[string]time.Duration // since the heartbeat that a peer acknowledges
		want bool
	}{
		{"three of four", map[string]time.Duration{"b": 0, "c": leaseTime - 1}, true},
		{"half is no majority", map[string]time.Duration{"b": 0}, false},
		{"an acknowledgement as old as the lease does not count", map[string]time.Duration{"b": 0, "c": leaseTime}, false},
		{"a node that is no member does not count", map[string]time.Duration{"b": 0, "x": 0}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := others("a", "b", "c", "d", "x")
			for id, ago := range tt.ago {
				m.peers[id].leaseAt = epoch.Add(-ago)
			}
			if got := m.leased(&current, epoch); got != tt.want {
				t.Errorf("leased: %t, want %t", got, tt.want)
			}
		})
	}
	t.Run("a node alone has a lease", func(t *testing.T) {
		alone := viewOf(1, "a")
		if !others("a").leased(&alone, epoch) {
			t.Error("it has none")
		}
	})
	t.Run("only nodes in both views are supported", func(t *testing.T) {
		m, next := others("a", "b", "c", "x"), viewOf(2, "a", "b", "x")
		got := m.supportLeases(&current, &next, epoch)
		if diff := cmp.Diff(map[string]uint64{"b": 1}, got); diff != "" {
			t.Error(diff)
		}
		m.peers["c"].ackedAt = epoch.Add(-300 * time.Millisecond)
		if ago := m.supported(&current, &next, epoch); ago != 300*time.Millisecond {
			t.Errorf("the node that is left out was supported %s ago", ago)
		}
		delete(m.peers, "c")
		if ago := m.supported(&current, &next, epoch); ago != leaseTime {
			t.Errorf("one that timed out was supported %s ago", ago)
		}
	})
}

func TestMembershipLeftOut(t *testing.T) {
	current := viewOf(5, "b", "c", "d")
	for _, tt := range []struct {
		name  string
		peer  string
		view  View
		out   bool
		limit time.Duration
	}{
		{"a member in the same view", "c sees b", current, false, suspectAfter + mergeWithin},
		{"a member in a later view without this node", "c sees b", viewOf(6, "c", "d"), true, suspectAfter},
		{"a member in an earlier one", "c sees b", viewOf(4, "c", "d"), false, suspectAfter + mergeWithin},
		{"a lower node that sees this one and does not unite", "a sees b", viewOf(2, "a"), true, suspectAfter + mergeWithin},
		{"a lower node that does not see this one", "a", viewOf(2, "a"), false, suspectAfter + mergeWithin},
		{"a higher node", "x sees b", viewOf(9, "x"), false, suspectAfter + mergeWithin},
		{"a node without a view", "a sees b", View{}, false, suspectAfter + mergeWithin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := others("b", tt.peer)
			for _, p := range m.peers {
				p.last.View = tt.view
			}
			if out, limit := m.leftOut(&current); out != tt.out || limit != tt.limit {
				t.Errorf("left out: %t for %s, want %t for %s", out, limit, tt.out, tt.limit)
			}
		})
	}
}

func TestMembershipNews(t *testing.T) {
	m := others("a")
	at := epoch
	for _, tt := range []struct {
		name  string
		beat  heartbeat
		want  news
		peers int
	}{
		{"the first heartbeat", heartbeat{N: 5, Eligible: true}, newsJoined, 1},
		{"the next", heartbeat{N: 6, Eligible: true}, newsSame, 1},
		{"a late one", heartbeat{N: 5}, newsNone, 1},
		{"one that drains", heartbeat{N: 7}, newsDrains, 1},
		{"the last", heartbeat{N: 8, Leaving: true}, newsLeft, 0},
		{"a newer version", heartbeat{N: 9, Speaks: wireVersion + 1}, newsTooNew, 0},
		{"the same again", heartbeat{N: 10, Speaks: wireVersion + 1}, newsNone, 0},
		{"an old version again", heartbeat{N: 11, Speaks: wireVersion}, newsJoined, 1},
		{"a newer version of a peer", heartbeat{N: 12, Speaks: wireVersion + 1}, newsTooNew, 0},
	} {
		tt.beat.ID = "b"
		if got := m.note(&tt.beat, at); got != tt.want || len(m.peers) != tt.peers {
			t.Errorf("%s: %d with %d peers, want %d with %d", tt.name, got, len(m.peers), tt.want, tt.peers)
		}
	}
	if err := m.outdated(&View{}); err == nil || !strings.Contains(err.Error(), "node b") {
		t.Errorf("outdated beside a newer node: %v", err)
	}
	if err := m.outdated(new(viewOf(1, "a", "c"))); err != nil {
		t.Errorf("a member of a view of two is outdated: %v", err)
	}
	m.note(&heartbeat{ID: "c", N: 1}, at)
	if got := m.expire(at.Add(suspectAfter)); got != nil {
		t.Errorf("%v timed out too early", got)
	}
	m.resumed(at.Add(time.Second))
	if got := m.expire(at.Add(time.Second + suspectAfter)); got != nil || len(m.newer) > 0 {
		t.Errorf("%v timed out after a suspension, and %d newer nodes are left", got, len(m.newer))
	}
	if got := m.expire(at.Add(time.Second + suspectAfter + 1)); !slices.Equal(got, []string{"c"}) {
		t.Errorf("%v timed out, want c", got)
	}
}

func TestMembershipAgreement(t *testing.T) {
	current := viewOf(5, "a", "b")
	m := others("a", "b", "x")
	m.peers["b"].last.View, m.peers["b"].last.Promised = current, 5
	if !m.agreed(&current) {
		t.Error("a member that shows the view does not agree")
	}
	m.peers["b"].last.Promised = 6
	if m.agreed(&current) {
		t.Error("a member that has promised a later view agrees")
	}
	m.peers["x"].last.View = viewOf(8, "x")
	if n := m.nextNumber(5); n != 9 {
		t.Errorf("the next view has number %d, want 9", n)
	}
	m.peers["b"].last.View = viewOf(4, "a", "b")
	if m.agreed(&current) {
		t.Error("a member in an earlier view agrees")
	}

	v := viewOf(9, "a", "b", "x")
	answers := []prepareAnswer{{OK: true, Supported: int64(leaseTime)}, {OK: true, Supported: int64(time.Millisecond)}, {}}
	supported, promised := m.judge(&v, answers, false, epoch)
	if promised || supported != time.Millisecond || len(m.silent) > 0 {
		t.Errorf("promised: %t, supported %s ago, silent: %v", promised, supported, m.silent)
	}
	if m.judge(&v, answers, true, epoch); !m.silent["x"].Equal(epoch.Add(silentFor)) {
		t.Errorf("silent: %v, want x", m.silent)
	}
	answers[2] = prepareAnswer{Promised: 12}
	if m.judge(&v, answers, true, epoch); m.nextNumber(5) != 13 {
		t.Errorf("a higher promise is not noted")
	}
	answers[2] = prepareAnswer{OK: true}
	if _, promised := m.judge(&v, answers, false, epoch); !promised {
		t.Error("three of three have promised, and it does not count")
	}
}
