package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/store"
)

// roomModel is what TestListRoomsPages holds the store against: all rooms, in a map.
type roomModel struct {
	db    *store.DB
	arns  []string // logging configurations
	clock *clock
	rooms map[string]*chat.Room
}

var (
	modelNames    = []string{"", "a", "b"}
	modelHandlers = []string{"", "arn:aws:lambda:us-west-2:123456789012:function:x"}
)

// change creates, updates or deletes one room, here and in the store.
func (m *roomModel) change(t *rapid.T) {
	// The clock may stand still and go back.
	m.clock.add(time.Duration(rapid.Int64Range(-2, 2).Draw(t, "step")) * time.Microsecond)
	set := func(r *chat.Room) error {
		r.Name = rapid.SampledFrom(modelNames).Draw(t, "name")
		r.MessageReviewHandler = nil
		if rapid.Bool().Draw(t, "has a handler") {
			r.MessageReviewHandler = &chat.MessageReviewHandler{URI: rapid.SampledFrom(modelHandlers).Draw(t, "handler"), FallbackResult: chat.Allow}
		}
		r.LoggingConfigurations = rapid.Permutation(m.arns).Draw(t, "logging")[:rapid.IntRange(0, len(m.arns)).Draw(t, "how many")]
		return nil
	}
	ids := m.ids()
	switch action := rapid.SampledFrom([]string{"create", "create", "update", "update", "delete"}).Draw(t, "action"); {
	case action == "create" || len(ids) == 0:
		r := &chat.Room{Tags: map[string]string{}}
		if err := set(r); err != nil {
			t.Fatal(err)
		}
		if err := m.db.CreateRoom(t.Context(), r, 0); err != nil {
			t.Fatal(err)
		}
		m.rooms[r.ARN.ID] = r.Clone()
	case action == "update":
		r, err := m.db.UpdateRoom(t.Context(), rapid.SampledFrom(ids).Draw(t, "room"), set)
		if err != nil {
			t.Fatal(err)
		}
		m.rooms[r.ARN.ID] = r.Clone()
	default:
		id := rapid.SampledFrom(ids).Draw(t, "room")
		if err := m.db.DeleteRoom(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		delete(m.rooms, id)
	}
}

func (m *roomModel) ids() []string {
	var ids []string
	for _, r := range m.list(store.RoomFilter{}) {
		ids = append(ids, r.ARN.ID)
	}
	return ids
}

// list is all rooms that match, newest first.
func (m *roomModel) list(f store.RoomFilter) []*chat.Room {
	var all []*chat.Room
	for _, r := range m.rooms {
		if matches(r, f) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *chat.Room) int {
		return cmp.Or(b.UpdateTime.Compare(a.UpdateTime), cmp.Compare(b.ARN.ID, a.ARN.ID))
	})
	return all
}

func matches(r *chat.Room, f store.RoomFilter) bool {
	uri := ""
	if r.MessageReviewHandler != nil {
		uri = r.MessageReviewHandler.URI
	}
	return (f.Name == nil || r.Name == *f.Name) &&
		(f.HandlerURI == nil || uri == *f.HandlerURI) &&
		(f.LoggingConfiguration == "" || slices.Contains(r.LoggingConfigurations, f.LoggingConfiguration))
}

func (m *roomModel) filter(t *rapid.T) store.RoomFilter {
	var f store.RoomFilter
	if rapid.Bool().Draw(t, "filters by name") {
		f.Name = new(rapid.SampledFrom(modelNames).Draw(t, "name"))
	}
	if rapid.Bool().Draw(t, "filters by handler") {
		f.HandlerURI = new(rapid.SampledFrom(modelHandlers).Draw(t, "handler"))
	}
	if rapid.Bool().Draw(t, "filters by logging") {
		f.LoggingConfiguration = rapid.SampledFrom(m.arns).Draw(t, "logging")
	}
	return f
}

// TestListRoomsPages walks lists while rooms change between the pages. Every
// page is what the model has at that moment, no room comes twice, and none that
// stayed as it was is missing.
func TestListRoomsPages(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		c := newClock(time.Unix(1_800_000_000, 0))
		db := open(t, c.use)
		m := &roomModel{db: db, arns: logging(t, db, 2), clock: c, rooms: map[string]*chat.Room{}}
		rapid.Check(t, func(t *rapid.T) {
			for _, id := range m.ids() {
				if err := db.DeleteRoom(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			clear(m.rooms)
			for range rapid.IntRange(1, 20).Draw(t, "changes before") {
				m.change(t)
			}
			f := m.filter(t)
			before := m.list(f)
			seen := map[string]bool{}
			token := ""
			for {
				size := rapid.IntRange(1, 5).Draw(t, "page size")
				page, next, err := db.ListRooms(t.Context(), f, size, token)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) > size || (next != "" && len(page) != size) {
					t.Fatalf("a page of %d has %d rooms and the next token %q", size, len(page), next)
				}
				for i, r := range page {
					if seen[r.ARN.ID] {
						t.Fatalf("room %s came twice", r.ARN.ID)
					}
					seen[r.ARN.ID] = true
					if diff := gocmp.Diff(m.rooms[r.ARN.ID], r); diff != "" || !matches(r, f) {
						t.Fatalf("a room that should (-) and does (+) come:\n%s", diff)
					}
					if i > 0 && !r.UpdateTime.Before(page[i-1].UpdateTime) {
						t.Fatalf("%v follows %v", r.UpdateTime, page[i-1].UpdateTime)
					}
				}
				if next == "" {
					break
				}
				token = next
				for range rapid.IntRange(0, 3).Draw(t, "changes between") {
					m.change(t)
				}
			}
			for _, r := range before {
				if now := m.rooms[r.ARN.ID]; now != nil && now.UpdateTime.Equal(r.UpdateTime) && !seen[r.ARN.ID] {
					t.Fatalf("room %s did not move and was skipped", r.ARN.ID)
				}
			}
		})
	})
}

func TestNextToken(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		arns := logging(t, db, 3)
		for range 4 {
			create(t, db, &chat.Room{Name: "a", LoggingConfigurations: arns})
		}
		name := new("a")
		_, token, err := db.ListRooms(t.Context(), store.RoomFilter{Name: name}, 2, "")
		if err != nil || token == "" {
			t.Fatalf("the first page: token %q, error %v", token, err)
		}

		t.Run("continues its own list, with any page size and again", func(t *testing.T) {
			for _, size := range []int{1, 2, 50, 2} {
				rooms, _, err := db.ListRooms(t.Context(), store.RoomFilter{Name: new("a")}, size, token)
				if err != nil || len(rooms) != min(size, 2) {
					t.Errorf("a page of %d: %d rooms, error %v", size, len(rooms), err)
				}
			}
		})

		t.Run("is good after a restart", func(t *testing.T) {
			if _, _, err := open(t).ListRooms(t.Context(), store.RoomFilter{Name: name}, 2, token); err != nil {
				t.Error(err)
			}
		})

		t.Run("is refused elsewhere", func(t *testing.T) {
			for name, f := range map[string]store.RoomFilter{
				"no filter":       {},
				"another name":    {Name: new("b")},
				"one filter more": {Name: name, LoggingConfiguration: arns[0]},
				"another filter":  {HandlerURI: name},
			} {
				_, _, err := db.ListRooms(t.Context(), f, 2, token)
				if err == nil {
					t.Errorf("%s: it was taken", name)
					continue
				}
				wantInvalidToken(t, err)
			}
			_, _, err := db.ListLoggingConfigurations(t.Context(), 2, token)
			wantInvalidToken(t, err)
		})

		t.Run("is refused when it is garbled", func(t *testing.T) {
			garbled := []string{"x", "!", token + "A", token[1:], token[:len(token)-1], " " + token, token + "\n"}
			for i := range token {
				b := []byte(token)
				b[i] = 'A' + (b[i]+1)%26
				if string(b) != token {
					garbled = append(garbled, string(b))
				}
			}
			for _, bad := range garbled {
				_, _, err := db.ListRooms(t.Context(), store.RoomFilter{Name: name}, 2, bad)
				if err == nil {
					t.Errorf("%q was taken for %q", bad, token)
					continue
				}
				wantInvalidToken(t, err)
			}
		})

		t.Run("stays within the API model's 1024 characters", func(t *testing.T) {
			if len(token) > 1024 {
				t.Errorf("it has %d", len(token))
			}
		})
	})
}

func wantInvalidToken(t *testing.T, err error) {
	t.Helper()
	e := refusal(t, err, chat.Invalid)
	if len(e.Fields) != 1 || e.Fields[0].Name != "nextToken" {
		t.Errorf("the refusal is about %+v, want nextToken", e.Fields)
	}
}

func TestListRoomsByUnknownLoggingConfiguration(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		missing := chat.ARN{Region: region, Account: account, Type: chat.LoggingConfigurationResource, ID: "abcdefghijkl"}
		foreign := missing
		foreign.Account = "999999999999"
		for _, arn := range []chat.ARN{missing, foreign} {
			_, _, err := db.ListRooms(t.Context(), store.RoomFilter{LoggingConfiguration: arn.String()}, 1, "")
			if e := refusal(t, err, chat.NotFound); e.Resource != arn {
				t.Errorf("the refusal is about %v, want %v", e.Resource, arn)
			}
		}
	})
}

func TestListLoggingConfigurations(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		arns := logging(t, db, 5)
		moved := must(chat.ParseARN(arns[1]))(t)
		must(db.UpdateLoggingConfiguration(t.Context(), moved.ID, func(*chat.LoggingConfiguration) error { return nil }))(t)
		var got []string
		for token, page := "", 0; page == 0 || token != ""; page++ {
			all, next, err := db.ListLoggingConfigurations(t.Context(), 2, token)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				got = append(got, c.ARN.String())
			}
			token = next
		}
		want := []string{arns[1], arns[4], arns[3], arns[2], arns[0]}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("the last updated should come first, wanted (-) and got (+):\n%s", diff)
		}
		for size := 1; size <= 6; size++ {
			all, next, err := db.ListLoggingConfigurations(t.Context(), size, "")
			if err != nil || len(all) != min(size, 5) || (next == "") != (size >= 5) {
				t.Errorf("%s", fmt.Sprint("a page of ", size, " has ", len(all), ", token ", next, ", error ", err))
			}
		}
	})
}
