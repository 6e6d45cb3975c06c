package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"confab/internal/chat"
	"confab/internal/store"
)

// logging makes n logging configurations and returns their ARNs.
func logging(t testing.TB, db *store.DB, n int) []string {
	t.Helper()
	var arns []string
	for i := range n {
		c := &chat.LoggingConfiguration{Name: fmt.Sprint("logging", i), State: chat.LoggingActive, Destination: chat.Destination{Type: chat.S3, Name: "bucket"}}
		if err := db.CreateLoggingConfiguration(t.Context(), c, 0); err != nil {
			t.Fatal(err)
		}
		arns = append(arns, c.ARN.String())
	}
	return arns
}

func create(t testing.TB, db *store.DB, r *chat.Room) *chat.Room {
	t.Helper()
	if err := db.CreateRoom(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoom(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		arns := logging(t, db, 3)

		t.Run("every member comes back as it was given", func(t *testing.T) {
			for name, room := range map[string]*chat.Room{
				"as little as possible": {Tags: map[string]string{}},
				"everything": {
					Name:                        "Room-1_x",
					MaximumMessageLength:        499,
					MaximumMessageRatePerSecond: 99,
					MessageReviewHandler:        &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:review", FallbackResult: chat.Deny},
					LoggingConfigurations:       []string{arns[2], arns[0], arns[1]},
					Tags:                        map[string]string{"ключ": "\"значение\"\x00", "": " "},
				},
				"a handler that was removed, an empty list": {
					MessageReviewHandler:  &chat.MessageReviewHandler{FallbackResult: chat.Allow},
					LoggingConfigurations: []string{},
					Tags:                  map[string]string{"a": "b"},
				},
			} {
				t.Run(name, func(t *testing.T) {
					given := room.Clone()
					create(t, db, room)
					if room.ARN.Type != chat.RoomResource || room.ARN.Region != region || room.ARN.Account != account || !chat.ValidID(room.ARN.ID) {
						t.Errorf("it was given the ARN %v", room.ARN)
					}
					if age := time.Since(room.CreateTime); age < 0 || age > time.Minute || !room.UpdateTime.Equal(room.CreateTime) {
						t.Errorf("it was created at %v and updated at %v", room.CreateTime, room.UpdateTime)
					}
					got := must(db.Room(t.Context(), room.ARN.ID))(t)
					if diff := cmp.Diff(room, got); diff != "" {
						t.Errorf("stored (-) and read (+) differ:\n%s", diff)
					}
					if diff := cmp.Diff(given, got, cmpopts.IgnoreFields(chat.Room{}, "ARN", "CreateTime", "UpdateTime")); diff != "" {
						t.Errorf("given (-) and read (+) differ:\n%s", diff)
					}
				})
			}
		})

		t.Run("an id that exists is a conflict", func(t *testing.T) {
			room := create(t, db, &chat.Room{Name: "first"})
			e := refusal(t, db.CreateRoom(t.Context(), &chat.Room{ARN: room.ARN, Name: "second"}, 0), chat.Conflict)
			if e.Resource != room.ARN {
				t.Errorf("the refusal is about %v, want %v", e.Resource, room.ARN)
			}
			if got := must(db.Room(t.Context(), room.ARN.ID))(t).Name; got != "first" {
				t.Errorf("the room is now called %q", got)
			}
		})

		t.Run("a logging configuration must exist", func(t *testing.T) {
			missing := chat.ARN{Region: region, Account: account, Type: chat.LoggingConfigurationResource, ID: "abcdefghijkl"}
			foreign := missing
			foreign.Region = "eu-west-1"
			room := create(t, db, &chat.Room{Name: "before"})
			for _, arn := range []chat.ARN{missing, foreign} {
				list := []string{arns[0], arn.String()}
				e := refusal(t, db.CreateRoom(t.Context(), &chat.Room{LoggingConfigurations: list}, 0), chat.NotFound)
				if e.Resource != arn {
					t.Errorf("the refusal is about %v, want %v", e.Resource, arn)
				}
				_, err := db.UpdateRoom(t.Context(), room.ARN.ID, func(r *chat.Room) error {
					r.Name, r.LoggingConfigurations = "after", list
					return nil
				})
				wantCode(t, err, chat.NotFound)
			}
			if diff := cmp.Diff(room, must(db.Room(t.Context(), room.ARN.ID))(t), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("a refused change left a trace:\n%s", diff)
			}
		})

		t.Run("a logging configuration counts once", func(t *testing.T) {
			wantCode(t, db.CreateRoom(t.Context(), &chat.Room{LoggingConfigurations: []string{arns[0], arns[0]}}, 0), chat.Invalid)
			wantCode(t, db.CreateRoom(t.Context(), &chat.Room{LoggingConfigurations: []string{"abcdefghijkl"}}, 0), chat.Invalid)
		})

		t.Run("what does not exist is not found", func(t *testing.T) {
			_, err := db.Room(t.Context(), "nosuchroom00")
			e := refusal(t, err, chat.NotFound)
			if want := (chat.ARN{Region: region, Account: account, Type: chat.RoomResource, ID: "nosuchroom00"}); e.Resource != want {
				t.Errorf("the refusal is about %v, want %v", e.Resource, want)
			}
			_, err = db.UpdateRoom(t.Context(), "nosuchroom00", func(*chat.Room) error { return nil })
			wantCode(t, err, chat.NotFound)
			wantCode(t, db.DeleteRoom(t.Context(), "nosuchroom00"), chat.NotFound)
		})

		t.Run("a deleted room is gone", func(t *testing.T) {
			room := create(t, db, &chat.Room{LoggingConfigurations: arns})
			if err := db.DeleteRoom(t.Context(), room.ARN.ID); err != nil {
				t.Fatal(err)
			}
			_, err := db.Room(t.Context(), room.ARN.ID)
			wantCode(t, err, chat.NotFound)
		})
	})
}

func TestUpdateRoom(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		arns := logging(t, db, 3)

		t.Run("stores the room as change leaves it, and nothing else", func(t *testing.T) {
			room := create(t, db, &chat.Room{Name: "before", LoggingConfigurations: arns[:2], Tags: map[string]string{"a": "1"}})
			got := must(db.UpdateRoom(t.Context(), room.ARN.ID, func(r *chat.Room) error {
				r.Name = "after"
				r.LoggingConfigurations = []string{arns[2], arns[0]}
				r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "uri", FallbackResult: chat.Allow}
				r.CreateTime, r.ARN.ID = time.Time{}, "elsewhere"
				return nil
			}))(t)
			want := room.Clone()
			want.Name, want.LoggingConfigurations = "after", []string{arns[2], arns[0]}
			want.MessageReviewHandler = &chat.MessageReviewHandler{URI: "uri", FallbackResult: chat.Allow}
			want.UpdateTime = got.UpdateTime
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wanted (-) and returned (+) differ:\n%s", diff)
			}
			if diff := cmp.Diff(want, must(db.Room(t.Context(), room.ARN.ID))(t)); diff != "" {
				t.Errorf("wanted (-) and read (+) differ:\n%s", diff)
			}
			if !got.UpdateTime.After(room.UpdateTime) {
				t.Errorf("the update time went from %v to %v", room.UpdateTime, got.UpdateTime)
			}
		})

		t.Run("lists that were never given and lists that were emptied are different", func(t *testing.T) {
			room := create(t, db, &chat.Room{})
			if got := must(db.Room(t.Context(), room.ARN.ID))(t).LoggingConfigurations; got != nil {
				t.Errorf("never given: %#v, want nil", got)
			}
			for _, list := range [][]string{arns[:1], {}} {
				got := must(db.UpdateRoom(t.Context(), room.ARN.ID, func(r *chat.Room) error {
					r.LoggingConfigurations = list
					return nil
				}))(t)
				for _, r := range []*chat.Room{got, must(db.Room(t.Context(), room.ARN.ID))(t)} {
					if diff := cmp.Diff(list, r.LoggingConfigurations); diff != "" {
						t.Errorf("given (-) and got (+) differ:\n%s", diff)
					}
				}
			}
		})

		t.Run("an error of change changes nothing", func(t *testing.T) {
			room := create(t, db, &chat.Room{Name: "before", Tags: map[string]string{}})
			want := errors.New("no")
			_, err := db.UpdateRoom(t.Context(), room.ARN.ID, func(r *chat.Room) error {
				r.Name = "after"
				return want
			})
			if !errors.Is(err, want) {
				t.Errorf("got %v, want the error of change", err)
			}
			if diff := cmp.Diff(room, must(db.Room(t.Context(), room.ARN.ID))(t)); diff != "" {
				t.Errorf("the room changed:\n%s", diff)
			}
		})

		t.Run("no change is lost", func(t *testing.T) {
			room := create(t, db, &chat.Room{MaximumMessageLength: 0})
			const callers, each = 8, 10
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for range each {
						if _, err := db.UpdateRoom(t.Context(), room.ARN.ID, func(r *chat.Room) error {
							r.MaximumMessageLength++
							return nil
						}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if got := must(db.Room(t.Context(), room.ARN.ID))(t).MaximumMessageLength; got != callers*each {
				t.Errorf("%d of %d changes arrived", got, callers*each)
			}
		})
	})
}

func TestUpdateTime(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		c := newClock(time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC))
		db := open(t, c.use)
		first := create(t, db, &chat.Room{})
		if want := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC); !first.UpdateTime.Equal(want) {
			t.Errorf("the time is %v, want it in whole microseconds: %v", first.UpdateTime, want)
		}
		last := first.UpdateTime
		for _, step := range []time.Duration{0, 0, -time.Hour, time.Nanosecond, 2 * time.Hour} {
			c.add(step)
			for name, change := range map[string]func() time.Time{
				"create": func() time.Time { return create(t, db, &chat.Room{}).UpdateTime },
				"update": func() time.Time {
					return must(db.UpdateRoom(t.Context(), first.ARN.ID, func(*chat.Room) error { return nil }))(t).UpdateTime
				},
			} {
				if at := change(); !at.After(last) {
					t.Errorf("%s after %v on the clock: %v is not after %v", name, step, at, last)
				} else {
					last = at
				}
			}
		}
		if !last.Equal(c.now().Truncate(time.Microsecond)) && last.Sub(c.now()) > time.Millisecond {
			t.Errorf("the time does not follow the clock again: %v, clock %v", last, c.now())
		}
	})
}

func TestLimit(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		const limit = 5
		var wg sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for range 4 * limit {
			wg.Go(func() {
				err := db.CreateRoom(t.Context(), &chat.Room{}, limit)
				if err == nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				refused++
				e, ok := errors.AsType[*chat.Error](err)
				if !ok || e.Code != chat.QuotaExceeded || e.Limit != limit || e.Resource.Type != chat.RoomResource || !chat.ValidID(e.Resource.ID) {
					t.Errorf("got %#v, want a refusal with the limit and a resource", err)
				}
			})
		}
		wg.Wait()
		if refused != 3*limit {
			t.Errorf("%d of %d were refused, want %d", refused, 4*limit, 3*limit)
		}
		create(t, db, &chat.Room{})
	})
}

func TestTags(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		room := create(t, db, &chat.Room{Tags: map[string]string{"a": "1", "b": "2"}})
		arn := must(chat.ParseARN(logging(t, db, 1)[0]))(t)

		t.Run("both kinds of resources have them", func(t *testing.T) {
			for _, arn := range []chat.ARN{room.ARN, arn} {
				if err := db.ChangeTags(t.Context(), arn, func(tags map[string]string) error {
					delete(tags, "a")
					tags["c"] = "3"
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(map[string]string{"b": "2", "c": "3"}, must(db.Tags(t.Context(), room.ARN))(t)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(map[string]string{"c": "3"}, must(db.LoggingConfiguration(t.Context(), arn.ID))(t).Tags); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("they do not touch the update time", func(t *testing.T) {
			if got := must(db.Room(t.Context(), room.ARN.ID))(t).UpdateTime; !got.Equal(room.UpdateTime) {
				t.Errorf("it went from %v to %v", room.UpdateTime, got)
			}
		})
		t.Run("an error changes nothing", func(t *testing.T) {
			before := must(db.Tags(t.Context(), room.ARN))(t)
			err := db.ChangeTags(t.Context(), room.ARN, func(tags map[string]string) error {
				clear(tags)
				return chat.Errorf(chat.Invalid, "no")
			})
			wantCode(t, err, chat.Invalid)
			if after := must(db.Tags(t.Context(), room.ARN))(t); !maps.Equal(before, after) {
				t.Errorf("they went from %v to %v", before, after)
			}
		})
		t.Run("what does not exist is not found", func(t *testing.T) {
			foreign := room.ARN
			foreign.Account = "999999999999"
			missing := arn
			missing.ID = "nosuchlogging"
			for _, arn := range []chat.ARN{foreign, missing, {}} {
				_, err := db.Tags(t.Context(), arn)
				wantCode(t, err, chat.NotFound)
				wantCode(t, db.ChangeTags(t.Context(), arn, func(map[string]string) error { return nil }), chat.NotFound)
			}
		})
		t.Run("no change is lost", func(t *testing.T) {
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					if err := db.ChangeTags(t.Context(), room.ARN, func(tags map[string]string) error {
						tags[fmt.Sprint("key", i)] = ""
						return nil
					}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got := slices.Sorted(maps.Keys(must(db.Tags(t.Context(), room.ARN))(t))); len(got) != 22 {
				t.Errorf("the keys are %v, want b, c and 20 more", got)
			}
		})
	})
}
