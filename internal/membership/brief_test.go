package membership

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"confab/internal/protocol"
	"confab/internal/view"
)

// members returns the sorted ids of some nodes.
func members(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("node-%02d_ABCDEFGH", i))
	}
	return ids
}

// beating is what the first of some nodes knows when all heartbeats arrive, and its view.
func beating(n int) (*Peers, view.View) {
	ids := members(n)
	v := ViewOf(7, ids...)
	m := New(ids[0])
	for i, id := range ids[1:] {
		m.peers[id] = &peer{last: protocol.Heartbeat{ID: id, N: 100 - uint64(i%3), View: v, Reads: protocol.BriefVersion, Name: "name", Version: "v1", Speaks: protocol.Version}}
	}
	return &m, v
}

// TestBriefHeartbeat sends a brief heartbeat to a node that knows the view, and to nodes that do
// not know enough to read it.
func TestBriefHeartbeat(t *testing.T) {
	m, v := beating(9)
	other := v.Members[8]
	m.peers[v.Members[3]].last.N = 80 // Suspended for a while.
	delete(m.peers, v.Members[4])
	m.peers["x"] = &peer{last: protocol.Heartbeat{ID: "x"}}
	promised := ViewOf(8, slices.Concat(v.Members[:2], v.Members[3:])...)
	b := protocol.Heartbeat{ID: v.Members[0], Reads: protocol.BriefVersion, N: 101, Eligible: true, View: v, Promised: 8, Connections: 12}
	b.Marks, b.Also = m.Marks(&v, &promised, b.N, Epoch)
	for i, p := range v.Members {
		acked := m.peers[p] != nil && m.peers[p].ackedAt.Equal(Epoch)
		if want := i == 1 || i >= 5; acked != want {
			t.Errorf("member %d is supported: %t, want %t", i, acked, want)
		}
	}
	data, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := protocol.DecodeHeartbeat(append(data, "what a later release adds"...))
	if err != nil {
		t.Fatal(err)
	}
	reader, _ := beating(9)
	reader.self = other
	reader.peers[b.ID] = &peer{last: protocol.Heartbeat{ID: b.ID, Name: "name", Version: "v1", Speaks: protocol.Version}}
	if !reader.Resolve(&got, &v) {
		t.Fatal("a node that knows the view cannot read it")
	}
	want := b
	want.Name, want.Version, want.Speaks = "name", "v1", protocol.Version
	want.Sees = append(slices.Delete(slices.Clone(v.Members), 4, 5)[1:], "x")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(protocol.Heartbeat{}), cmpopts.IgnoreUnexported(view.View{})); diff != "" {
		t.Error(diff)
	}
	for id, n := range map[string]uint64{v.Members[1]: 100, v.Members[2]: 0, v.Members[3]: 0, v.Members[4]: 0, v.Members[5]: 99, v.Members[0]: 0, "x": 0} {
		if got := got.Acknowledges(id); got != n {
			t.Errorf("it acknowledges %d of %s, want %d", got, id, n)
		}
	}
	t.Run("not enough is known", func(t *testing.T) {
		stranger := New("s")
		if stranger.Resolve(&got, &v) {
			t.Error("of a node that is no peer it was read")
		}
		if !stranger.NoteUnread(&got, Epoch) || stranger.Resolve(&got, &v) {
			t.Error("of a node of which nothing is known it was read, or it need not be asked")
		}
		stranger.peers[b.ID] = &peer{last: protocol.Heartbeat{ID: b.ID}}
		if stranger.Resolve(&got, nil) {
			t.Error("of a view that is not known it was read")
		}
		short := got
		short.Marks = short.Marks[1:]
		if stranger.Resolve(&short, &v) {
			t.Error("with too few marks it was read")
		}
	})
	t.Run("a node that cannot be read", func(t *testing.T) {
		m := New("b")
		m.started = Epoch.Add(-time.Hour)
		m.NoteUnread(&got, Epoch)
		if v, ok := m.Proposal(&view.View{}, Epoch.Add(time.Second)); ok {
			t.Errorf("beside it a node proposes %v", v.Members)
		}
		if n := m.NextNumber(0); n != 9 {
			t.Errorf("the next view has number %d, want 9", n)
		}
		full := got
		full.Marks, full.Speaks = nil, protocol.Version
		if m.Note(&full, Epoch.Add(time.Second)) != NewsJoined || !m.peers[b.ID].since.Equal(Epoch) {
			t.Error("it did not join with its first heartbeat that is full")
		}
		full.Speaks++
		m.Note(&full, Epoch)
		if m.NoteUnread(&got, Epoch.Add(protocol.SuspectAfter)) || len(m.peers) > 0 {
			t.Error("a node of a newer version is asked, or is a peer")
		}
		if m.Expire(Epoch.Add(protocol.SuspectAfter + 1)); len(m.newer) == 0 {
			t.Error("its brief heartbeats do not count")
		}
	})
}

// TestNumbersStayClose has nodes send heartbeats one after another. Numbers that are far apart come
// together, and grow no faster than those of one node.
func TestNumbersStayClose(t *testing.T) {
	all := make([]Beats, 100)
	for i := range all {
		all[i] = Beats{count: uint64(i * i), sentAt: map[uint64]time.Time{}}
	}
	const rounds = 50
	for range rounds {
		for i := range all {
			all[i].Next(Epoch)
			for j := range all {
				if j != i {
					all[j].Follow(all[i].count)
				}
			}
		}
	}
	for i := range all {
		if got := all[i].count; got < 99*99 || got > 99*99+rounds+1 {
			t.Errorf("node %d has number %d after %d rounds", i, got, rounds)
		}
	}
	last := all[0].count
	if all[0].Follow(0); all[0].count != last {
		t.Error("number 0 was followed")
	}
	if all[0].Follow(1 << 63); all[0].count != last {
		t.Error("a forged number was followed")
	}
}

// TestHeartbeatSize compares heartbeats of clusters of several sizes.
func TestHeartbeatSize(t *testing.T) {
	for n, want := range map[int][2]int{10: {48, 965}, 100: {93, 8105}} {
		m, v := beating(n)
		b := protocol.Heartbeat{ID: m.self, N: 101, View: v, Promised: 7, Reads: protocol.BriefVersion}
		b.Marks, b.Also = m.Marks(&v, &v, b.N, Epoch)
		short, err := b.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		b.Marks, b.Sees, b.Leases = nil, m.Seen(), m.SupportLeases(&v, &v, Epoch)
		full, err := b.Bytes()
		if got := [2]int{len(short), len(full)}; err != nil || got != want {
			t.Errorf("of %d nodes: %d bytes, brief and full, want %d; %v", n, got, want, err)
		}
	}
}

func FuzzBrief(f *testing.F) {
	m, v := beating(5)
	b := protocol.Heartbeat{ID: m.self, N: 101, View: v, Also: []string{"x"}}
	b.Marks, _ = m.Marks(&v, &v, b.N, Epoch)
	data, err := b.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{protocol.BriefVersion})
	f.Fuzz(func(_ *testing.T, data []byte) {
		if !protocol.IsBrief(data) {
			return
		}
		b, err := protocol.DecodeHeartbeat(data)
		if err != nil {
			return
		}
		reader, _ := beating(5)
		reader.NoteUnread(&b, Epoch)
		reader.peers[b.ID] = &peer{last: protocol.Heartbeat{ID: b.ID}}
		if v := ViewOf(7, members(5)...); reader.Resolve(&b, &v) {
			b.Acknowledges(v.Members[2])
			reader.Note(&b, Epoch)
		}
	})
}
