package operation_test

import (
	"testing"

	"confab/internal/chat"
	"confab/internal/operation"
)

type place struct {
	Name   string
	Number int64
}

func TestPage(t *testing.T) {
	at := place{"a\"b", -1}
	token := operation.SealPage(at, "list", "room", true)
	t.Run("a token continues its list", func(t *testing.T) {
		if got, err := operation.OpenPage[place](token, "list", "room", true); err != nil || got != at {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("the first page has no token", func(t *testing.T) {
		for _, token := range []*string{nil, new("")} {
			if got, err := operation.OpenPage[*place](token, "list"); err != nil || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
		}
	})
	for name, list := range map[string][]any{
		"another list":                      {"lists", "room", true},
		"another member":                    {"list", "room2", true},
		"members that are shifted":          {"list", "", "room", true},
		"a member that is there once again": {"list", "room", true, true},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if _, err := operation.OpenPage[place](token, list...); chat.CodeOf(err) != chat.Invalid {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("the token of the longest user id fits the limit of nextToken", func(t *testing.T) {
		longest := make([]byte, 4*128) // 128 characters of four bytes
		if n := len(*operation.SealPage(longest, "users", "AbCdEfGhIjKl")); n > 1024 {
			t.Errorf("it has %d characters", n)
		}
	})
}

// FuzzOpenPage checks that OpenPage accepts no token but those that SealPage makes.
func FuzzOpenPage(f *testing.F) {
	f.Add(*operation.SealPage(place{"a", 1}, "list"))
	f.Add("e30")
	f.Add("%")
	f.Fuzz(func(t *testing.T, token string) {
		at, err := operation.OpenPage[place](&token, "list")
		if err != nil {
			if chat.CodeOf(err) != chat.Invalid {
				t.Errorf("got %v", err)
			}
			return
		}
		if again, err := operation.OpenPage[place](operation.SealPage(at, "list"), "list"); token != "" && (err != nil || again != at) {
			t.Errorf("%v becomes %v, %v", at, again, err)
		}
	})
}
