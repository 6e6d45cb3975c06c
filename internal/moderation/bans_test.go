package moderation_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"confab/internal/chat"
	"confab/internal/moderation"
	"confab/internal/pgtest"
	"confab/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const (
	room  = "roomroomroom"
	other = "otherotheroo"
)

// clock is the test's.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// server is a store whose bans are in force.
type server struct {
	*store.DB
	enforced chan string // the ids of the bans that are enforced
	told     chan []byte // what it tells the others
}

// opener opens the same database each time, by the same clock.
type opener func(tb testing.TB) *server

func dialects(t *testing.T, test func(t *testing.T, open opener, c *clock)) {
	t.Helper()
	t.Parallel()
	for name, where := range map[string]func(testing.TB) store.Options{
		"sqlite": func(tb testing.TB) store.Options {
			tb.Helper()
			return store.Options{Dir: filepath.Join(tb.TempDir(), "data")}
		},
		"postgres": func(tb testing.TB) store.Options {
			tb.Helper()
			return store.Options{Database: pgtest.Shared(tb).Database(tb)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &clock{now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
			o := where(t)
			o.SecretKey, o.Region, o.Account, o.Now = bytes.Repeat([]byte{7}, store.SecretKeySize), "us-west-2", "123456789012", c.Now
			test(t, func(tb testing.TB) *server {
				tb.Helper()
				db, err := store.Open(context.Background(), o)
				if err != nil {
					tb.Fatal(err)
				}
				s := &server{DB: db, enforced: make(chan string, 256), told: make(chan []byte, 256)}
				if err := db.Bans.Start(context.Background(), moderation.Hooks{
					Enforce: func(_ context.Context, b *moderation.Ban) { s.enforced <- b.ID },
					Tell:    func(_ context.Context, changes []byte) { s.told <- changes },
				}); err != nil {
					tb.Fatal(err)
				}
				tb.Cleanup(func() {
					if err := db.Close(); err != nil {
						tb.Error(err)
					}
				})
				return s
			}, c)
		})
	}
}

func (s *server) ban(tb testing.TB, b moderation.Ban, d time.Duration) *moderation.Ban {
	tb.Helper()
	b.CreatedBy = "arn:aws:iam::123456789012:root"
	if err := s.Bans.Create(tb.Context(), &b, d); err != nil {
		tb.Fatal(err)
	}
	return &b
}

func user(t moderation.Type, roomID, userID string) moderation.Ban {
	return moderation.Ban{Type: t, RoomID: roomID, UserID: userID}
}

func addresses(t moderation.Type, roomID, cidr string) moderation.Ban {
	return moderation.Ban{Type: t, RoomID: roomID, Range: netip.MustParsePrefix(cidr)}
}

var nowhere netip.Addr

func TestBans(t *testing.T) {
	dialects(t, func(t *testing.T, open opener, c *clock) {
		s := open(t)
		for _, b := range []moderation.Ban{
			user(moderation.TypeBan, room, "here\x00\u00e4"), user(moderation.TypeBan, "", "everywhere"), user(moderation.TypeMute, room, "mute"),
			addresses(moderation.TypeBan, room, "192.0.2.0/24"), addresses(moderation.TypeMute, "", "2001:db8::/48"),
		} {
			s.ban(t, b, 5*time.Minute)
		}
		s.ban(t, user(moderation.TypeHide, room, "hidden"), 5*time.Minute)
		s.ban(t, addresses(moderation.TypeHide, "", "203.0.113.0/24"), 5*time.Minute)
		check := func(s *server) {
			t.Helper()
			for _, of := range []struct {
				room, user, ip string
				hides          bool
			}{
				{room, "hidden", "", true},
				{other, "hidden", "", false},
				{room, "ann", "198.51.100.1", false},
				{other, "ann", "203.0.113.9", true},
				{room, "mute", "", false},
			} {
				if got := s.Bans.Hides(of.room, of.user, of.ip); got != of.hides {
					t.Errorf("%q at %s in %s: hidden %v", of.user, of.ip, of.room, got)
				}
			}
			if err := s.Bans.Muted(room, "hidden", nowhere); err != nil {
				t.Error(err)
			}
			for _, of := range []struct {
				room, user, ip string
				banned, muted  string
			}{
				{room, "ann", "198.51.100.1", "", ""},
				{room, "here\x00\u00e4", "", "You are banned from this room for 5 minutes", "You are banned from this room for 5 minutes"},
				{other, "here\x00\u00e4", "", "", ""},
				{other, "everywhere", "", "You are banned from all rooms for 5 minutes", "You are banned from all rooms for 5 minutes"},
				{room, "mute", "", "", "You are muted for 5 minutes"},
				{other, "mute", "", "", ""},
				{room, "ann", "192.0.2.255", "You are banned from this room for 5 minutes", "You are banned from this room for 5 minutes"},
				{room, "ann", "::ffff:192.0.2.1", "You are banned from this room for 5 minutes", "You are banned from this room for 5 minutes"},
				{other, "ann", "192.0.2.1", "", ""},
				{other, "ann", "2001:db8:0:1::1", "", "You are muted for 5 minutes"},
				{other, "ann", "2001:db9::1", "", ""},
			} {
				ip, _ := netip.ParseAddr(of.ip)
				if got := [2]string{text(s.Bans.Banned(of.room, of.user, ip)), text(s.Bans.Muted(of.room, of.user, ip))}; got != [2]string{of.banned, of.muted} {
					t.Errorf("%q at %s in %s: got %q", of.user, of.ip, of.room, got)
				}
			}
		}
		check(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again := open(t) // They survive a restart.
		check(again)
		c.pass(4*time.Minute + 30*time.Second)
		if got := text(again.Bans.Muted(room, "mute", nowhere)); got != "You are muted for 30 seconds" {
			t.Errorf("got %q", got)
		}
		c.pass(30 * time.Second)
		if err := again.Bans.Banned(room, "here\x00\u00e4", nowhere); err != nil {
			t.Errorf("after its end: %v", err)
		}
		if again.Bans.Hides(room, "hidden", "") {
			t.Error("after its end, a user is hidden")
		}
		if exist, err := again.Bans.Exist(t.Context()); exist || err != nil {
			t.Errorf("got %v, %v", exist, err)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	if chat.CodeOf(err) != chat.AccessDenied {
		return "code " + chat.CodeOf(err).String()
	}
	return err.Error()
}

func TestBansChange(t *testing.T) {
	dialects(t, func(t *testing.T, open opener, c *clock) {
		s := open(t)
		first := s.ban(t, user(moderation.TypeBan, room, "ann"), time.Minute)
		got, err := s.Bans.Get(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Error(diff)
		}
		second := s.ban(t, user(moderation.TypeBan, room, "ann"), 0) // replaces it
		if _, err := s.Bans.Get(t.Context(), first.ID); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("the replaced ban: %v", err)
		}
		c.pass(time.Hour)
		if got := text(s.Bans.Banned(room, "ann", nowhere)); got != "You are banned from this room" {
			t.Errorf("got %q", got)
		}
		updated, err := s.Bans.Update(t.Context(), second.ID, func(b *moderation.Ban) { b.Expires, b.Reason = c.Now().Add(1500*time.Millisecond), "spam" })
		if err != nil || updated.Reason != "spam" || !updated.Expires.Equal(c.Now().Add(2*time.Second)) {
			t.Fatalf("got %+v, %v", updated, err)
		}
		if got := text(s.Bans.Banned(room, "ann", nowhere)); got != "You are banned from this room for 2 seconds" {
			t.Errorf("got %q", got)
		}
		if err := s.Bans.Delete(t.Context(), second.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Bans.Banned(room, "ann", nowhere); err != nil || !s.Bans.None() {
			t.Errorf("after it was lifted: %v, none %v", err, s.Bans.None())
		}
		for _, id := range []string{second.ID, "abcdefABCDEF", "", "a\x00b", strings.Repeat("x", 1000)} {
			if err := s.Bans.Delete(t.Context(), id); chat.CodeOf(err) != chat.NotFound {
				t.Errorf("lift %.20q: %v", id, err)
			}
		}
		s.ban(t, user(moderation.TypeBan, room, "ann"), time.Minute) // over one that was lifted
		if err := s.Bans.Banned(room, "ann", nowhere); err == nil {
			t.Error("a new ban over a lifted one has no effect")
		}
	})
}

func TestBansList(t *testing.T) {
	dialects(t, func(t *testing.T, open opener, _ *clock) {
		s := open(t)
		var ids []string
		for i := range 7 {
			ids = append(ids, s.ban(t, user(moderation.Types[i%2], []string{room, ""}[i%2], fmt.Sprint("u", i/2)), 0).ID)
		}
		slices.Reverse(ids)
		list := func(f moderation.Filter, most int) (all []string) {
			for before := int64(0); ; {
				page, next, err := s.Bans.List(t.Context(), f, most, before)
				if err != nil || len(page) > most {
					t.Fatalf("%d bans, %v", len(page), err)
				}
				for _, b := range page {
					all = append(all, b.ID)
				}
				if before = next; before == 0 {
					return all
				}
			}
		}
		for most := 1; most < 9; most++ {
			if got := list(moderation.Filter{}, most); !slices.Equal(got, ids) {
				t.Errorf("pages of %d: got %v, want %v", most, got, ids)
			}
		}
		if got, want := list(moderation.Filter{RoomID: room}, 2), []string{ids[0], ids[2], ids[4], ids[6]}; !slices.Equal(got, want) {
			t.Errorf("of a room: got %v, want %v", got, want)
		}
		if got, want := list(moderation.Filter{UserID: "u1"}, 1), []string{ids[3], ids[4]}; !slices.Equal(got, want) {
			t.Errorf("of a user: got %v, want %v", got, want)
		}
		if got, want := list(moderation.Filter{Type: moderation.TypeMute, UserID: "u1"}, 1), []string{ids[3]}; !slices.Equal(got, want) {
			t.Errorf("of a type: got %v, want %v", got, want)
		}
	})
}

// TestBansRedeem is about the transaction that spends the token.
func TestBansRedeem(t *testing.T) {
	dialects(t, func(t *testing.T, open opener, c *clock) {
		a := open(t)
		b := a
		if t.Name() == "TestBansRedeem/postgres" {
			b = open(t) // another server
		}
		token := &chat.Token{ID: chat.NewTokenID(c.Now()), Room: chat.ARN{ID: room}, Bearer: chat.Bearer{UserID: "ann"}, Expires: c.Now().Add(time.Hour)}
		for range 20 {
			ban := a.ban(t, user(moderation.TypeBan, room, "ann"), 0)
			if err := b.Redeem(t.Context(), token, nowhere); chat.CodeOf(err) != chat.AccessDenied {
				t.Fatalf("a banned user: %v", err)
			}
			if err := a.Bans.Delete(t.Context(), ban.ID); err != nil {
				t.Fatal(err)
			}
			if err := b.Redeem(t.Context(), token, nowhere); err != nil {
				t.Fatalf("once the ban is lifted the token is still good: %v", err)
			}
			token.ID = chat.NewTokenID(c.Now())
		}
		a.ban(t, addresses(moderation.TypeBan, "", "10.0.0.0/8"), 0)
		if err := b.Redeem(t.Context(), token, netip.MustParseAddr("10.1.2.3")); chat.CodeOf(err) != chat.AccessDenied {
			t.Errorf("a banned address: %v", err)
		}
		if err := b.Redeem(t.Context(), token, netip.MustParseAddr("11.1.2.3")); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
}

// TestBansOfOthers is about bans that another server makes.
func TestBansOfOthers(t *testing.T) {
	t.Run("servers follow each other", func(t *testing.T) {
		dialects(t, func(t *testing.T, open opener, _ *clock) {
			if !strings.Contains(t.Name(), "postgres") {
				t.Skip("one server has a SQLite file")
			}
			a, b := open(t), open(t)
			ban := a.ban(t, user(moderation.TypeBan, room, "ann"), 0)
			for _, s := range []*server{a, b} { // b reads it from the database
				select {
				case id := <-s.enforced:
					if id != ban.ID || s.Bans.Banned(room, "ann", nowhere) == nil {
						t.Errorf("enforced %s, want %s", id, ban.ID)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("the ban was not enforced")
				}
			}
		})
	})
	t.Run("a server that cannot read the database believes the others", func(t *testing.T) {
		dialects(t, func(t *testing.T, open opener, _ *clock) {
			if !strings.Contains(t.Name(), "postgres") {
				t.Skip("one server has a SQLite file")
			}
			a, b := open(t), open(t)
			b.Close()
			b.Bans.Receive(t.Context(), nil) //nolint:errcheck // It is no JSON.
			ban := a.ban(t, user(moderation.TypeMute, room, "ann"), 0)
			if err := b.Bans.Receive(t.Context(), <-a.told); chat.CodeOf(err) != chat.Unavailable {
				t.Errorf("got %v", err)
			}
			if err := b.Bans.Muted(room, "ann", nowhere); err == nil {
				t.Error("the ban is not in force")
			}
			if err := a.Bans.Delete(t.Context(), ban.ID); err != nil {
				t.Fatal(err)
			}
			b.Bans.Receive(t.Context(), <-a.told) //nolint:errcheck // As above.
			if err := b.Bans.Muted(room, "ann", nowhere); err != nil {
				t.Errorf("it was lifted: %v", err)
			}
		})
	})
}

func TestBansEnd(t *testing.T) {
	dialects(t, func(t *testing.T, open opener, c *clock) {
		s := open(t)
		r := &chat.Room{MaximumMessageLength: 1, MaximumMessageRatePerSecond: 1}
		if err := s.CreateRoom(t.Context(), r, 0); err != nil {
			t.Fatal(err)
		}
		s.ban(t, user(moderation.TypeBan, r.ARN.ID, "ann"), 0)
		if err := s.DeleteRoom(t.Context(), r.ARN.ID); err != nil {
			t.Fatal(err)
		}
		if exist, err := s.Bans.Exist(t.Context()); exist || err != nil {
			t.Errorf("the ban of a room that was deleted: %v, %v", exist, err)
		}
		s.ban(t, user(moderation.TypeBan, room, "bob"), time.Minute)
		c.pass(48 * time.Hour)
		kept := s.ban(t, user(moderation.TypeBan, room, "eve"), 0)
		if err := s.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, _, err := s.Bans.List(t.Context(), moderation.Filter{}, 9, 0)
		if err != nil || len(page) != 1 || page[0].ID != kept.ID {
			t.Errorf("got %v, %v", page, err)
		}
		s.ban(t, user(moderation.TypeBan, room, "ann"), 0) // The numbers of changes continue.
		if s.Bans.Banned(room, "ann", nowhere) == nil || s.Bans.Banned(room, "eve", nowhere) == nil {
			t.Error("the bans are not in force")
		}
	})
}

func TestParseRange(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7/24": "192.0.2.0/24", "2001:db8::1/48": "2001:db8::/48", "::ffff:192.0.2.7/120": "192.0.2.0/24", "0.0.0.0/0": "0.0.0.0/0",
		"::/0": "::/0", "192.0.2.7": "192.0.2.7/32", "2001:db8::1": "2001:db8::1/128", "192.0.2.0/33": "CIDR", "192.0.2.0/-1": "CIDR", "": "CIDR",
		"fe80::1%eth0/64": "CIDR", "192.0.2.0/24 ": "CIDR", "a/b": "CIDR", "10.0.0/8": "CIDR",
		"::ffff:192.0.2.0/24": "96 bits or more", "::ffff:0:0/95": "96 bits or more", "::ffff:0:0/96": "0.0.0.0/0",
	} {
		p, err := moderation.ParseRange(in)
		if err == nil && p.String() != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want %s", in, p, err, want)
		}
	}
	for in, want := range map[string]bool{"0.0.0.0/0": true, "128.0.0.0/1": true, "10.0.0.0/8": false, "::/0": true, "2001::/16": false, "::ffff:0.0.0.0/96": true} {
		if p, err := moderation.ParseRange(in); err != nil || moderation.Wide(p) != want {
			t.Errorf("%s is wide: got %v, %v", in, !want, err)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"192.0.2.0/24", "::ffff:1.2.3.4/97", "::/0", "1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := moderation.ParseRange(s)
		if err != nil {
			return
		}
		if again, err := moderation.ParseRange(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, and that is %v, %v", s, p, again, err)
		}
	})
}

// BenchmarkBanned is what a handshake pays with a million bans.
func BenchmarkBanned(b *testing.B) {
	db, err := store.Open(b.Context(), store.Options{
		Dir: b.TempDir(), SecretKey: bytes.Repeat([]byte{7}, store.SecretKeySize), Region: "us-west-2", Account: "123456789012", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	moderation.Fill(b, db.Bans, 1_000_000)
	ip := netip.MustParseAddr("198.51.100.7")
	b.ReportAllocs()
	for b.Loop() {
		if err := db.Bans.Banned(room, "nobody", ip); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart reads many bans, as a server does when it starts, and reports the memory that
// they take. Processor time, which does not depend on other work of the machine, is cpu-ms.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			db, err := store.Open(b.Context(), store.Options{
				Dir: b.TempDir(), SecretKey: bytes.Repeat([]byte{7}, store.SecretKeySize), Region: "us-west-2", Account: "123456789012", Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { db.Close() })
			if err := moderation.Store(b.Context(), db.Bans, n); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				b.StopTimer()
				var before, after runtime.MemStats
				runtime.GC() // The first empties the pools.
				runtime.GC()
				runtime.ReadMemStats(&before)
				began := processorTime(b)
				b.StartTimer()
				bans, err := moderation.Started(b.Context(), db.Bans)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				b.ReportMetric(float64((processorTime(b) - began).Milliseconds()), "cpu-ms")
				runtime.GC()
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1e6, "MB")
				for room, user := range map[string]string{"room00000001": "user-1", "": fmt.Sprint("user-", n-2)} {
					if bans.Banned(room, user, netip.Addr{}) == nil {
						b.Errorf("%s is not banned", user)
					}
				}
				bans.Close()
				b.StartTimer()
			}
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestClocks has two servers whose clocks differ by four minutes: a ban of a minute holds on both.
func TestClocks(t *testing.T) {
	t.Parallel()
	o := store.Options{
		Database: pgtest.Shared(t).Database(t), SecretKey: bytes.Repeat([]byte{7}, store.SecretKeySize), Region: "us-west-2", Account: "123456789012",
	}
	var servers []*moderation.Bans
	for _, skew := range []time.Duration{-2 * time.Minute, 2 * time.Minute} {
		db, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		moderation.SetOwnClock(db.Bans, func() time.Time { return time.Now().Add(skew) })
		if err := db.Bans.Start(t.Context(), moderation.Hooks{Enforce: func(context.Context, *moderation.Ban) {}}); err != nil {
			t.Fatal(err)
		}
		servers = append(servers, db.Bans)
	}
	for i, b := range servers {
		if off := time.Until(b.Now()).Abs(); off > 10*time.Second {
			t.Errorf("the clock of server %d is off by %s", i, off)
		}
		ban := user(moderation.TypeBan, "room", fmt.Sprint("user", i))
		ban.CreatedBy = "arn:aws:iam::123456789012:root"
		if err := b.Create(t.Context(), &ban, time.Minute); err != nil {
			t.Fatal(err)
		}
		if off := time.Until(ban.Expires); off < 30*time.Second || off > 90*time.Second {
			t.Errorf("a ban of server %d ends in %s, want a minute", i, off)
		}
		for k, other := range servers {
			for end := time.Now().Add(20 * time.Second); other.Banned("room", ban.UserID, nowhere) == nil; {
				if time.Now().After(end) {
					t.Fatalf("a ban of server %d does not hold on server %d", i, k)
				}
				time.Sleep(10 * time.Millisecond) // Until the next poll of the database, at most 0.5 s.
			}
		}
	}
}
