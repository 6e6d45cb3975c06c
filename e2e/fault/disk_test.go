//go:build linux

package fault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
)

// TestDiskFull fills the disk of one node with SQLite under load: the rooms go
// on, the API says that it cannot write, and all is well when there is room
// again. A small file system in memory is the disk.
func TestDiskFull(t *testing.T) {
	if *rounds == 0 {
		t.Skip("make fault runs this")
	}
	dir := t.TempDir()
	if err := syscall.Mount("confab-fault", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("no small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := cluster.Serve(t, cluster.Options{Nodes: 1, Dir: dir, Args: trusted})
	row := &Row{Name: "disk full (one node, SQLite)", Keeps: "live rooms, reads; writes are answered 503"}
	trial := &cluster.Trial{Rooms: rooms(), Seed: *seed, Options: databaseAway}
	report, err := c.Run(t.Context(), trial, func(ctx context.Context, trial *cluster.Trial) error {
		cluster.Pause(ctx, crowd.Warm)
		full, err := fill(filepath.Join(dir, "filler"))
		if err != nil {
			return err
		}
		defer os.Remove(full)
		cluster.Pause(ctx, 2*time.Second)
		// Small writes fit into the journal for a while.
		refused := false
		for range 2000 {
			if _, err := c.Clients()[0].API.CreateRoom(ctx, &ivschat.CreateRoomInput{}); err != nil {
				refused = true
				break
			}
		}
		if !refused {
			return errors.New("the disk is not full")
		}
		cluster.Pause(ctx, 3*time.Second)
		trial.Over = trial.Crowd.Now()
		if err := os.Remove(full); err != nil {
			return err
		}
		cluster.Pause(ctx, 3*time.Second)
		_, err = c.Clients()[0].API.CreateRoom(ctx, &ivschat.CreateRoomInput{})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, v := range report.Violations {
		t.Error(v)
	}
	if trial.History != nil {
		row.Add(trial.History, report, trial.Over)
		t.Logf("\n%s", Table([]*Row{row}))
	}
}

// fill writes a file until nothing more fits.
func fill(path string) (string, error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for block := 1 << 20; block > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, block)); errors.Is(err, syscall.ENOSPC) {
			block /= 2
		} else if err != nil {
			return "", err
		}
	}
	return path, nil
}
