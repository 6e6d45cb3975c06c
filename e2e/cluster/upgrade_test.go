package cluster_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/process"
)

// TestUpgrade replaces three nodes of an earlier version by this one, one after
// another under load: old and new nodes are one cluster for a while. Then it goes
// back the same way, as an operator does who does not like the new version.
//
// The earlier version is CONFAB_OLD, a commit or tag; without, it is the one
// before the newest change of what nodes say to each other.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	old := oldVersion(t)
	c := start(t, cluster.Options{Binary: old})
	for _, way := range []struct{ name, binary string }{{"upgrade", ""}, {"and back", old}} {
		t.Run(way.name, func(t *testing.T) {
			run(t, c, cluster.Trial{Seed: 1, Writers: 1}, func(ctx context.Context, _ *cluster.Trial) error {
				cluster.Pause(ctx, crowd.Warm)
				for _, n := range c.Nodes {
					n.Use(way.binary)
					err := errors.Join(n.Stop(), n.Start(ctx))
					if way.binary == old && err != nil && strings.Contains(err.Error(), "made by a newer Confab") {
						// The upgrade has migrated the schema, which the docs say is no way back.
						n.Use("")
						return n.Start(ctx)
					}
					if err != nil {
						return err
					}
					if c.WaitReady(ctx) > 0 {
						return errors.New("not all nodes are ready")
					}
					cluster.Pause(ctx, crowd.Warm)
				}
				return nil
			})
		})
	}
}

// oldVersion builds the earlier version, or skips the test where the history
// does not have it.
func oldVersion(t *testing.T) string {
	t.Helper()
	name, err := os.Getenv("CONFAB_OLD"), error(nil)
	if name == "" {
		name, err = process.ChangedBefore(t.Context(), "internal/cluster", "internal/protocol", "internal/nats")
	}
	if err == nil {
		var path string
		if path, err = process.BuildAt(t.Context(), name); err == nil {
			t.Logf("the earlier version is %s", name)
			return path
		}
	}
	if errors.Is(err, process.ErrNoHistory) && os.Getenv("CONFAB_OLD") == "" {
		t.Skipf("no earlier version to upgrade from: %v; a full clone has one, and CONFAB_OLD=COMMIT names another", err)
	}
	t.Fatal(err)
	return ""
}
