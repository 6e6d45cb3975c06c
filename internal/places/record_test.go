package places

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"confab/internal/catchup"
	"confab/internal/chat"
)

// node is a process with one room, "room", as messaging has it.
type node struct {
	*Service
	net   *net
	path  string
	log   *catchup.Log // nil until the room is live
	conns []catchup.Client

	begins    chat.Point // of the log, if the room was there before
	confirmed map[string]uint64
	holders   []string // of the room
	silent    bool     // it does not answer
	tells     int      // how often it was told
}

// net is the nodes that are there.
type net struct{ nodes map[string]*node }

func (n *net) start(t testing.TB, id, path string) *node {
	t.Helper()
	s := &node{Service: New(), net: n, path: path}
	if s.Live = s; n == nil {
		s.Alone(id)
	} else {
		s.Self, s.Nodes = id, s
		n.nodes[id] = s
	}
	s.Record(path, slog.New(slog.DiscardHandler))
	t.Cleanup(s.stop)
	return s
}

// kill ends the process behind its next record.
func (n *node) kill(t testing.TB) {
	t.Helper()
	if err := n.write(false); err != nil {
		t.Fatal(err)
	}
	if n.net != nil {
		delete(n.net.nodes, n.Self)
	}
}

func (n *node) live() *catchup.Log {
	if n.log == nil {
		n.log = catchup.NewMemory(1 << 20).NewLog(time.Minute)
		n.begins.Epoch = max(n.begins.Epoch, 1)
		n.log.Begin(n.begins)
	}
	return n.log
}

// joins returns what a client gets first that joins the room here.
func (n *node) joins(t testing.TB, user string) string {
	t.Helper()
	c := catchup.Client{UserID: user, Agent: 1}
	e := n.Find(t.Context(), "room", c, n.live())
	s := n.log.Take(c, nil, e)
	if e != nil && e.Taken {
		n.Took("room", c, e)
		n.working.Wait()
	}
	n.conns = append(n.conns, c)
	if !s.Known {
		return ""
	}
	var all strings.Builder
	for _, b := range n.log.Missed(s, user, plain{}, time.Now()) {
		all.Write(b)
	}
	return all.String()
}

type plain struct{}

func (plain) AppendFrame(b, frame []byte) []byte { return append(b, frame...) }

func (n *node) Logs() map[string]*catchup.Log {
	if n.log == nil {
		return nil
	}
	return map[string]*catchup.Log{"room": n.log}
}
func (n *node) Log(string) *catchup.Log                            { return n.log }
func (n *node) Hold(context.Context, string) (*catchup.Log, error) { return n.live(), nil }
func (n *node) Confirmed(string, catchup.Client) []uint64          { return nil }
func (n *node) Holders(string) []string                            { return n.holders }
func (n *node) Each(_ string, f func(c catchup.Client, num uint64)) {
	for _, c := range n.conns {
		f(c, n.confirmed[c.UserID])
	}
}

func (n *node) Others() (ids []string) {
	for id := range n.net.nodes {
		if id != n.Self {
			ids = append(ids, id)
		}
	}
	return ids
}

func (n *node) Ask(ctx context.Context, id, _ string, body []byte) ([]byte, bool) {
	to := n.net.nodes[id]
	if to == nil || to.silent {
		return nil, false
	}
	if bytes.HasPrefix(body, []byte(`{"tell"`)) {
		to.tells++
	}
	b, err := to.Answer(ctx, body)
	return b, err == nil
}

func wantGap(t *testing.T, got string, want bool) {
	t.Helper()
	if strings.Contains(got, "confab:GAP") != want || strings.Contains(got, "Missed") {
		t.Errorf("got %q, want a gap of unknown size: %v", got, want)
	}
}

func TestOnlyNodeKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.json")
	a := (*net)(nil).start(t, "a", path)
	a.joins(t, "ann")
	a.kill(t)
	for i := range 2 { // Also by the second process that is killed.
		a = (*net)(nil).start(t, fmt.Sprint("a", i), path)
		a.live()
		a.kill(t)
	}
	b := (*net)(nil).start(t, "b", path)
	wantGap(t, b.joins(t, "ann"), true)
	wantGap(t, b.joins(t, "ann"), false) // Its place is taken.
	wantGap(t, b.joins(t, "bob"), false)
}

func TestAllNodesKilled(t *testing.T) {
	dir := t.TempDir()
	n := &net{nodes: map[string]*node{}}
	path := func(name string) string { return filepath.Join(dir, name) }
	a, b := n.start(t, "a_1", path("a")), n.start(t, "b_1", path("b"))
	a.joins(t, "ann")
	b.joins(t, "bob")
	a.joins(t, "eve")
	a.kill(t)
	b.kill(t)
	a, b = n.start(t, "a_2", path("a")), n.start(t, "b_2", path("b"))
	wantGap(t, a.joins(t, "ann"), true) // By the file of its own node.
	wantGap(t, b.joins(t, "eve"), true) // The room is live on a.
	wantGap(t, a.joins(t, "bob"), true)
	wantGap(t, a.joins(t, "new"), false)
}

func TestRoomOfAnotherNodeIsNotLive(t *testing.T) {
	dir := t.TempDir()
	n := &net{nodes: map[string]*node{}}
	a := n.start(t, "a_1", filepath.Join(dir, "a"))
	a.joins(t, "ann")
	a.kill(t)
	n.start(t, "a_2", filepath.Join(dir, "a"))
	b := n.start(t, "b_2", filepath.Join(dir, "b"))
	wantGap(t, b.joins(t, "ann"), true)
}

// TestDisconnectedAfterKill has a moderator disconnect or ban a user before anybody is back. The
// user gets nothing, also not after another kill.
func TestDisconnectedAfterKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.json")
	a := (*net)(nil).start(t, "a", path)
	a.joins(t, "ann")
	a.joins(t, "bob")
	a.kill(t)
	b := (*net)(nil).start(t, "b", path)
	for _, room := range []string{"room", ""} {
		if got := fmt.Sprint(b.Left(room, "ann"), b.Left(room, "eve")); got != "[room] []" {
			t.Errorf("ann and eve may return to %s", got)
		}
	}
	b.Begin("room", b.live())
	if rooms := b.Left("", "ann"); len(rooms) > 0 {
		t.Errorf("%v is live", rooms)
	}
	b.log.Void("ann", chat.Point{Epoch: 1, Sequence: 1})
	b.kill(t)
	c := (*net)(nil).start(t, "c", path)
	c.Begin("room", c.live())
	wantGap(t, c.joins(t, "ann"), false)
	wantGap(t, c.joins(t, "bob"), true)
}

// TestRoomsOfKilledNodes has all nodes killed. A user is disconnected before anybody is back: the
// nodes get the event, because they have made the rooms live of which they have places. A node
// that does not know the others yet does not use its places.
func TestRoomsOfKilledNodes(t *testing.T) {
	dir := t.TempDir()
	n := &net{nodes: map[string]*node{}}
	a := n.start(t, "a_1", filepath.Join(dir, "a"))
	a.joins(t, "ann")
	a.kill(t)
	a = n.start(t, "a_2", filepath.Join(dir, "a"))
	a.Begin("room", a.live())
	if a.log.Find(catchup.Client{UserID: "ann", Agent: 1}, "a_2", nil) != nil || a.Left("", "ann") != nil {
		t.Error("it uses its places before it has joined")
	}
	a.log, a.joined = nil, true
	a.holdLeft()
	if a.log == nil || !catchup.Expects(a.log, "ann") {
		t.Fatal("the room is not live")
	}
	a.log.Void("ann", chat.Point{Epoch: 1, Sequence: 1})
	wantGap(t, n.start(t, "b_2", filepath.Join(dir, "b")).joins(t, "ann"), false)
}

// TestDamagedRecord has a node start with a file that another program, or another release, has
// changed.
func TestDamagedRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.json")
	for _, content := range []string{
		``, `{`, `{"rooms":null}`, `{"rooms":{"room":null}}`, `{"rooms":{"room":[null]}}`, `{"rooms":{"room":[{"node":"a"}]}}`,
		`{"rooms":{"room":[{"node":"a","pages":1,"points":[],"entries":"eA=="}]}}`,
		`{"rooms":{"room":[{"node":"a","version":1,"pages":1,"page":7,"entries":"AAAA"}]},"later":[]}`,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		a := (*net)(nil).start(t, "a", path)
		a.Left("", "ann")
		wantGap(t, a.joins(t, "ann"), false)
		a.kill(t)
		wantGap(t, (*net)(nil).start(t, "b", path).joins(t, "ann"), true) // The record is in order again.
	}
}

func TestOneOfTwoKilled(t *testing.T) {
	dir := t.TempDir()
	n := &net{nodes: map[string]*node{}}
	a, b := n.start(t, "a_1", filepath.Join(dir, "a")), n.start(t, "b_1", filepath.Join(dir, "b"))
	a.joins(t, "ann")
	b.live()
	a.kill(t)
	a = n.start(t, "a_2", filepath.Join(dir, "a"))
	wantGap(t, a.joins(t, "ann"), false) // The node that is left knows better.
	delete(n.nodes, "b_1")
	wantGap(t, a.joins(t, "ann"), false)
}

func TestOldRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.json")
	a := (*net)(nil).start(t, "a", path)
	a.joins(t, "ann")
	a.kill(t)
	old := time.Now().Add(-2 * time.Minute)
	age := func() time.Duration {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return time.Since(info.ModTime())
	}
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	b := (*net)(nil).start(t, "b", path)
	b.live()
	b.restore("room", b.log)
	b.log.Expire()
	wantGap(t, b.joins(t, "ann"), false)
	if err := a.write(false); err != nil || age() > time.Minute { // Nothing has changed since.
		t.Errorf("the record is of %s ago, %v", age(), err)
	}
}

// BenchmarkRecord writes the record of a room with 100,000 connections, some of which have come
// since the last time.
func BenchmarkRecord(b *testing.B) {
	n := (*net)(nil).start(b, "a", filepath.Join(b.TempDir(), "places.json"))
	n.live()
	for i := range 100_000 {
		n.conns = append(n.conns, catchup.Client{UserID: fmt.Sprint("user", i), Agent: 1})
	}
	before := spent(b)
	for i := 0; b.Loop(); i++ {
		n.log.Append([]byte("frame"), "", chat.Point{Epoch: 1, Sequence: uint64(i + 1)})
		if err := n.write(false); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((spent(b)-before)/float64(b.N), "cpu-ms/op")
}

// quiet is a process with many rooms in which clients catch up, and in which nothing happens.
type quiet struct {
	logs  map[string]*catchup.Log
	conns []catchup.Client // of each room
}

func (q *quiet) Logs() map[string]*catchup.Log { return q.logs }

func (q *quiet) Log(room string) *catchup.Log { return q.logs[room] }

func (q *quiet) Hold(_ context.Context, room string) (*catchup.Log, error) { return q.logs[room], nil }

func (q *quiet) Confirmed(string, catchup.Client) []uint64 { return nil }

func (q *quiet) Each(room string, f func(c catchup.Client, number uint64)) {
	for _, c := range q.conns {
		f(c, q.logs[room].End())
	}
}

// TestQuiet holds what a connection to a quiet room of 20 costs for catch-up: the log of the
// room, and what is known of the file. Reports that are kept would be about 30 bytes more.
func TestQuiet(t *testing.T) {
	const rooms, members, most = 2000, 20, 32
	names := make([]string, rooms)
	for i := range names {
		names[i] = fmt.Sprint("room", i)
	}
	q := &quiet{logs: make(map[string]*catchup.Log, rooms)}
	for i := range members {
		q.conns = append(q.conns, catchup.Client{UserID: fmt.Sprint("user", i), Agent: 1})
	}
	m, s := catchup.NewMemory(1<<20), New()
	s.Live = q
	s.Alone("a")
	s.Record(filepath.Join(t.TempDir(), "places.json"), slog.New(slog.DiscardHandler))
	before := heap()
	for _, name := range names {
		log := m.NewLog(time.Minute)
		m.Continue(name, log)
		for _, c := range q.conns {
			log.Take(c, nil, nil)
		}
		q.logs[name] = log
	}
	for range 2 { // The second one finds nothing new.
		if err := s.write(false); err != nil {
			t.Fatal(err)
		}
	}
	each := float64(heap()-before) / (rooms * members)
	t.Logf("%.0f bytes a connection", each)
	if each > most {
		t.Errorf("%.0f bytes a connection, want at most %d", each, most)
	}
	runtime.KeepAlive(m)
	runtime.KeepAlive(s)
	runtime.KeepAlive(names)
}

// heap returns the bytes in use behind a collection.
func heap() int64 {
	var stats runtime.MemStats
	for range 2 { // The second one empties the pools.
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// spent returns the processor time of this process in milliseconds.
func spent(b *testing.B) float64 {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}
