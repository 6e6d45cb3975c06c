package background_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"confab/internal/background"
)

func TestSync(t *testing.T) {
	t.Run("many at the same time", func(t *testing.T) {
		dir := t.TempDir()
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				f, err := os.CreateTemp(dir, "")
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Close()
				for range 8 {
					if _, err := f.WriteString("a line\n"); err != nil {
						t.Error(err)
					}
					if err := background.Sync(f); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if err := background.SyncDir(dir); err != nil {
			t.Error(err)
		}
	})
	t.Run("a closed file", func(t *testing.T) {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := background.Sync(f); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want %v", err, fs.ErrClosed)
		}
	})
	t.Run("what cannot be synced is an error, as with Sync", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		want, got := w.Sync(), background.Sync(w)
		if want == nil || got == nil || !errors.Is(got, errors.Unwrap(want)) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("a directory that is not there", func(t *testing.T) {
		if err := background.SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want %v", err, fs.ErrNotExist)
		}
	})
}
