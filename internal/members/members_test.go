package members_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/members"
)

// conn notes what it gets.
type conn struct {
	frames []string
	ended  []string
}

func (c *conn) Send(json []byte) { c.frames = append(c.frames, string(json)) }

func (c *conn) SendIf(json []byte, wanted func() bool) {
	if wanted() {
		c.Send(json)
	}
}

func (c *conn) End(why ending.Way) { c.ended = append(c.ended, why.Name) }

// join adds a session of a user, behind the kick with this number.
func join(r *members.Room, user, ip string, kick uint64) (*members.Member, *conn) {
	c := &conn{}
	m := &members.Member{Conn: c, Bearer: chat.Bearer{UserID: user}, Since: time.Now(), IP: netip.MustParseAddr(ip)}
	r.Add(m, func() { m.Joined = chat.Point{Sequence: kick} })
	return m, c
}

// TestUsers has sessions of two users come and go, in any order.
func TestUsers(t *testing.T) {
	var r members.Room
	a1, _ := join(&r, "ann", "192.0.2.1", 0)
	a2, _ := join(&r, "ann", "192.0.2.2", 0)
	a3, _ := join(&r, "ann", "192.0.2.3", 0)
	b, _ := join(&r, "bob", "192.0.2.4", 0)
	want := func(sessions int, users ...string) {
		t.Helper()
		ids, n, version := r.UserIDs(0)
		slices.Sort(ids)
		if n != sessions || !slices.Equal(ids, users) {
			t.Errorf("%d sessions of %q, want %d of %q", n, ids, sessions, users)
		}
		if again, _, same := r.UserIDs(version); again != nil || same != version {
			t.Errorf("nobody came or went, but the users are new: %q, version %d", again, same)
		}
	}
	want(4, "ann", "bob")
	r.Remove(a2) // in the middle of its list
	want(3, "ann", "bob")
	r.Remove(a3) // the first
	want(2, "ann", "bob")
	r.Remove(a1)
	want(1, "bob")
	r.Remove(b)
	want(0)
}

// TestKick ends the sessions that joined before a kick, of one user.
func TestKick(t *testing.T) {
	var r members.Room
	_, before := join(&r, "ann", "192.0.2.1", 4)
	_, behind := join(&r, "ann", "192.0.2.1", 5)
	_, other := join(&r, "bob", "192.0.2.1", 0)
	noted := false
	r.Kick("ann", chat.Point{Sequence: 5}, ending.Kicked, func() { noted = len(before.ended) == 0 })
	if !noted || !slices.Equal(before.ended, []string{ending.Kicked.Name}) || behind.ended != nil || other.ended != nil {
		t.Errorf("noted %v, ended %q, %q, %q", noted, before.ended, behind.ended, other.ended)
	}
	r.EndAll(ending.RoomGone)
	if len(behind.ended) != 1 || len(other.ended) != 1 {
		t.Error("a session of the room was not ended")
	}
}

// TestEndsLast counts sessions of a user beside one whose time is over, here, on other nodes,
// and for a while after they have ended.
func TestEndsLast(t *testing.T) {
	var r members.Room
	a, _ := join(&r, "ann", "192.0.2.1", 0)
	now := time.Now()
	if !r.EndsLast(a, now) {
		t.Error("the only session is not the last")
	}
	b, _ := join(&r, "ann", "192.0.2.1", 0)
	if r.EndsLast(a, now) {
		t.Error("a session beside another one is the last")
	}
	r.Remove(a)
	if r.EndsLast(b, now.Add(4*time.Second)) {
		t.Error("a session is the last so soon after one beside it")
	}
	if !r.EndsLast(b, now.Add(6*time.Second)) {
		t.Error("a session is not the last long after one beside it")
	}
	if r.Beside("bob", now) || !r.Beside("ann", now.Add(time.Minute)) || r.EndsLast(b, now.Add(time.Minute)) {
		t.Error("a session of the user on another node does not count")
	}
	r.EndsBeside(b, now.Add(time.Hour))
	if r.EndsLast(b, now.Add(time.Hour)) {
		t.Error("what another node has does not count")
	}
}

// TestSendHidden sends a hidden frame to the connections of its user that do not have it.
func TestSendHidden(t *testing.T) {
	var r members.Room
	has, got := join(&r, "ann", "192.0.2.1", 0)
	_, lacks := join(&r, "ann", "192.0.2.1", 0)
	_, other := join(&r, "bob", "192.0.2.1", 0)
	has.GotHidden(2)
	to, all := r.SendHidden("ann", []byte("{}"), 2)
	if to != 2 || all != 3 || got.frames != nil || len(lacks.frames) != 1 || other.frames != nil {
		t.Errorf("to %d of %d: %q, %q, %q", to, all, got.frames, lacks.frames, other.frames)
	}
}

// TestAt finds connections by address, of one user and of all.
func TestAt(t *testing.T) {
	var r members.Room
	join(&r, "ann", "192.0.2.1", 0)
	join(&r, "ann", "198.51.100.1", 0)
	join(&r, "bob", "192.0.2.9", 0)
	in := netip.MustParsePrefix("192.0.2.0/24").Contains
	if n := len(r.At("ann", in)); n != 1 {
		t.Errorf("%d connections of the user, want 1", n)
	}
	if n := len(r.At("", in)); n != 2 {
		t.Errorf("%d connections of all, want 2", n)
	}
}
