package plan

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	var p Plan
	var did []string
	do := func(_ context.Context, s *Step) error {
		did = append(did, s.Name)
		s.ID = "id of " + s.Name
		if s.Name == "wrong" {
			return errors.New("refused")
		}
		return nil
	}
	p.Put(Step{Kind: "thing", Name: "new", Diff: Differ(nil, "size", "", "1")}, false, do)
	p.Put(Step{Kind: "thing", Name: "same", Diff: Differ(nil, "size", "1", "1")}, true, do)
	p.Put(Step{Kind: "thing", Name: "wrong", ARN: "arn:x", Diff: Differ(nil, "size", "1", "2")}, true, do)
	p.Remove(Step{Kind: "thing", Name: "old"}, do)

	t.Run("counts", func(t *testing.T) {
		got := []int{p.Count(Create), p.Count(Keep), p.Count(Change), p.Count(Delete), p.Changes()}
		if diff := cmp.Diff([]int{1, 1, 1, 1, 3}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("shows what differs", func(t *testing.T) {
		clean := func(s string) string { return strings.ToUpper(s) }
		if got, want := p.Steps[0].Text("new", clean), "+ thing NEW\n    SIZE: 1\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := p.Steps[2].Text("wrong", clean), "~ thing WRONG\n    SIZE: \"1\" → \"2\"\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("ends at the first error, and leaves out what is kept", func(t *testing.T) {
		var done []string
		err := p.Do(t.Context(), func(s *Step) { done = append(done, s.ID) })
		if err == nil || !strings.Contains(err.Error(), `change thing "wrong" arn:x: refused; what was done before stays`) {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"new", "wrong"}, did); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"id of new"}, done); diff != "" {
			t.Error(diff)
		}
	})
}

// TestPlan_interrupted holds that a step which is under way at Ctrl-C may complete, and that the
// next one does not begin.
func TestPlan_interrupted(t *testing.T) {
	for _, test := range []struct {
		name  string
		takes time.Duration
		ends  time.Duration
		done  []string
	}{
		{"a step completes", time.Second, time.Second, []string{"first"}},
		{"a step that hangs ends", time.Hour, 5 * time.Second, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				var p Plan
				for _, name := range []string{"first", "second"} {
					p.Put(Step{Name: name}, false, func(ctx context.Context, _ *Step) error {
						interrupt()
						select {
						case <-time.After(test.takes):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					})
				}
				var done []string
				begin := time.Now()
				err := p.Do(ctx, func(s *Step) { done = append(done, s.Name) })
				if !errors.Is(err, context.Canceled) || time.Since(begin) != test.ends {
					t.Errorf("%v after %s", err, time.Since(begin))
				}
				if diff := cmp.Diff(test.done, done); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
