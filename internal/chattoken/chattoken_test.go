package chattoken_test

import (
	stdcmp "cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/chattoken"
)

// memory is a KeyStore that several rings share, as the nodes share a database.
type memory struct {
	mu    sync.Mutex
	keys  map[uint32]chattoken.Key
	err   error // what every call returns
	reads int
}

func (m *memory) TokenKeys(context.Context) ([]chattoken.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	return slices.SortedFunc(maps.Values(m.keys), func(a, b chattoken.Key) int {
		return stdcmp.Or(a.CreateTime.Compare(b.CreateTime), stdcmp.Compare(a.ID, b.ID))
	}), m.err
}

func (m *memory) AddTokenKey(_ context.Context, k chattoken.Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil {
		m.keys = map[uint32]chattoken.Key{}
	}
	if _, taken := m.keys[k.ID]; taken {
		return chat.Errorf(chat.Conflict, "taken")
	}
	m.keys[k.ID] = k
	return m.err
}

func (m *memory) DeleteTokenKeys(_ context.Context, ids ...uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.keys, id)
	}
	return m.err
}

func (m *memory) set(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) counts() (keys, reads int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.keys), m.reads
}

var here = chattoken.Options{Region: "us-west-2", Account: "123456789012"}

func newRing(t testing.TB, store chattoken.KeyStore, o chattoken.Options) *chattoken.Ring {
	t.Helper()
	r, err := chattoken.NewRing(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func token() *chat.Token {
	now := time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC)
	return &chat.Token{
		ID:             [16]byte{1, 2, 3},
		Room:           chat.ARN{Region: here.Region, Account: here.Account, Type: chat.RoomResource, ID: "abcDEF123456"},
		Bearer:         chat.Bearer{UserID: "user", Capabilities: []chat.Capability{chat.SendMessage}, Attributes: map[string]string{"displayName": "Ünï"}},
		IssuedAt:       now,
		Expires:        now.Add(time.Minute),
		SessionExpires: now.Add(time.Hour),
	}
}

func seal(t testing.TB, r *chattoken.Ring, tok *chat.Token) string {
	t.Helper()
	s, err := r.Seal(tok)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantRefused checks that a string is refused, with the only refusal.
func wantRefused(t testing.TB, r *chattoken.Ring, s, why string) {
	t.Helper()
	got, err := r.Open(t.Context(), s)
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || e.Code != chat.Unauthenticated || e.Message != "The chat token is not valid" || got != nil {
		t.Errorf("%s: got %v and %v, want it to be refused as not valid", why, got, err)
	}
}

func TestRoundTrip(t *testing.T) {
	r := newRing(t, &memory{}, here)
	texts := rapid.OneOf(rapid.String(), rapid.StringN(0, 300, -1), rapid.Just(""))
	times := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-62135596800, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		want := &chat.Token{
			ID:             [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
			Room:           chat.ARN{Region: here.Region, Account: here.Account, Type: chat.RoomResource, ID: texts.Draw(t, "room")},
			Bearer:         chat.Bearer{UserID: texts.Draw(t, "user"), Attributes: rapid.MapOfN(texts, texts, 0, 20).Draw(t, "attributes")},
			IssuedAt:       times.Draw(t, "issued"),
			Expires:        times.Draw(t, "expires"),
			SessionExpires: times.Draw(t, "session expires"),
		}
		for _, c := range []chat.Capability{chat.SendMessage, chat.DisconnectUser, chat.DeleteMessage} {
			if rapid.Bool().Draw(t, string(c)) {
				want.Capabilities = append(want.Capabilities, c)
			}
		}
		s, err := r.Seal(want)
		if err != nil {
			t.Fatal(err)
		}
		if len(s) > chattoken.MaxLength {
			return // Attributes are limited far below that.
		}
		got, err := r.Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("sealed (-) and opened (+) differ:\n%s", diff)
		}
	})
}

func TestSeal(t *testing.T) {
	r := newRing(t, &memory{}, here)

	t.Run("a token is legal as a subprotocol", func(t *testing.T) {
		// RFC 9110, 5.6.2: token.
		const tchar = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		for range 100 {
			if s := seal(t, r, token()); s == "" || strings.Trim(s, tchar) != "" {
				t.Fatalf("%q has characters that no subprotocol may have", s)
			}
		}
	})

	t.Run("the largest stays below 4 KB", func(t *testing.T) {
		largest := token()
		largest.UserID = strings.Repeat("\U0001F600", 128)
		largest.Capabilities = []chat.Capability{chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser}
		largest.Attributes = map[string]string{}
		for i := 0; chat.AttributesSize(largest.Attributes)+2 <= chat.MaxAttributes; i++ {
			largest.Attributes[string([]byte{byte(i), byte(i >> 8)})] = ""
		}
		if n := len(seal(t, r, largest)); n >= 4000 {
			t.Errorf("it has %d bytes", n)
		}
		ordinary := len(seal(t, r, token()))
		if ordinary > 250 {
			t.Errorf("an ordinary one has %d bytes", ordinary)
		}
	})

	t.Run("the same token never looks the same, and shows nothing", func(t *testing.T) {
		a, b := seal(t, r, token()), seal(t, r, token())
		if a == b || a[len(a)/2:] == b[len(b)/2:] {
			t.Errorf("%s and %s", a, b)
		}
	})

	t.Run("a capability that does not exist is refused", func(t *testing.T) {
		odd := token()
		odd.Capabilities = append(odd.Capabilities, "FLY")
		if s, err := r.Seal(odd); err == nil {
			t.Errorf("it was sealed: %s", s)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	store := &memory{}
	r := newRing(t, store, here)
	good := seal(t, r, token())

	t.Run("any changed byte", func(t *testing.T) {
		for i := range good {
			for _, to := range []byte("AB9_-=+/. \n\x00\xff") {
				if good[i] == to {
					continue
				}
				b := []byte(good)
				b[i] = to
				wantRefused(t, r, string(b), "byte changed")
			}
		}
	})

	t.Run("anything cut or added", func(t *testing.T) {
		for i := range good {
			wantRefused(t, r, good[:i], "cut")
			wantRefused(t, r, good[i+1:], "cut in front")
			wantRefused(t, r, good[:i]+"\n"+good[i:], "line break")
			wantRefused(t, r, good[:i]+"A"+good[i:], "byte added")
		}
		wantRefused(t, r, good+"=", "padding")
		wantRefused(t, r, good+"\r\n", "line break")
		wantRefused(t, r, strings.Repeat("A", chattoken.MaxLength), "as long as may be")
		wantRefused(t, r, good+strings.Repeat("A", chattoken.MaxLength), "too long")
	})

	t.Run("a token of another region or account, with the same keys", func(t *testing.T) {
		for _, o := range []chattoken.Options{
			{Region: "eu-west-1", Account: here.Account},
			{Region: here.Region, Account: "999999999999"},
			{Region: here.Region + "\x00" + here.Account},
		} {
			wantRefused(t, newRing(t, store, o), good, o.Region+" "+o.Account)
		}
	})

	t.Run("a token of other keys", func(t *testing.T) {
		wantRefused(t, newRing(t, &memory{}, here), good, "other keys")
	})

	t.Run("but not the token itself", func(t *testing.T) {
		if _, err := r.Open(t.Context(), good); err != nil {
			t.Error(err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	r := newRing(f, &memory{}, here)
	good := seal(f, r, token())
	for _, s := range []string{"", "A", good, good[1:], good + "A", strings.Repeat("A", 100), "AQAAAAA" + strings.Repeat("A", 100)} {
		f.Add(s)
	}
	sealed := map[string]bool{good: true}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := r.Open(t.Context(), s)
		if (err == nil) != sealed[s] || (got == nil) != (err != nil) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
		if err != nil && chat.CodeOf(err) != chat.Unauthenticated {
			t.Errorf("%q: refused as %v", s, err)
		}
	})
}

func TestNewRingFails(t *testing.T) {
	want := errors.New("no database")
	if _, err := chattoken.NewRing(t.Context(), &memory{err: want}, here); !errors.Is(err, want) {
		t.Errorf("got %v, want the error of the store", err)
	}
	bad := &memory{keys: map[uint32]chattoken.Key{1: {ID: 1, Secret: []byte("short")}}}
	if _, err := chattoken.NewRing(t.Context(), bad, here); err == nil {
		t.Error("a key of the wrong size was taken")
	}
}

func BenchmarkSeal(b *testing.B) {
	r := newRing(b, &memory{}, here)
	tok := token()
	for b.Loop() {
		seal(b, r, tok)
	}
}

func BenchmarkOpen(b *testing.B) {
	r := newRing(b, &memory{}, here)
	s := seal(b, r, token())
	for b.Loop() {
		if _, err := r.Open(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenGarbage measures the work that a client without a token can cause.
func BenchmarkOpenGarbage(b *testing.B) {
	r := newRing(b, &memory{}, here)
	s := seal(b, r, token())[:7] + strings.Repeat("x", chattoken.MaxLength-7)
	for b.Loop() {
		if _, err := r.Open(b.Context(), s); err == nil {
			b.Fatal("it was opened")
		}
	}
}
