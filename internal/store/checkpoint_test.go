package store_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/store"
)

// TestCheckpoint holds that the log of the transcript is folded into its file
// beside a writer that never pauses, and begins anew before it takes up the disk.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	// 64 MiB in all; twice logBytes, and what is written until that is noticed.
	const frames, logBytes, most = 2048, 2 << 20, 48 << 20
	dir := filepath.Join(t.TempDir(), "data")
	db := must(store.Open(t.Context(), options(dir, func(o *store.Options) { o.LogBytes = logBytes })))(t)
	defer db.Close()
	room := chat.NewID()
	text := bytes.Repeat([]byte("x"), 32<<10)
	var largest int64
	var last <-chan struct{}
	for i := range uint64(frames) {
		f := frame(room, i)
		f.JSON = append(append([]byte(`"`), text...), '"')
		next := db.Transcript().Append(f)
		if last != nil {
			<-last // There is always one more to be written.
		}
		last = next
		info, err := os.Stat(filepath.Join(dir, "transcript.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	<-last
	if largest > most {
		t.Errorf("the log grew to %d MiB", largest>>20)
	}
	var after int64
	for n := 0; n < frames; {
		records := must(db.Transcript().Read(t.Context(), room, after, 100))(t)
		if len(records) == 0 {
			t.Fatalf("%d of %d frames are there", n, frames)
		}
		n += len(records)
		after = records[len(records)-1].Position
	}
	if size := folded(t, dir); size < frames*int64(len(text))-largest {
		t.Errorf("only %d MiB were folded into the file", size>>20)
	}
}

// TestCheckpointKeepsTheLog holds that a log that was folded does not begin anew
// while frames come: they would wait for the disk.
func TestCheckpointKeepsTheLog(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	db := must(store.Open(t.Context(), options(dir)))(t)
	defer db.Close()
	room, next := chat.NewID(), uint64(0)
	text := bytes.Repeat([]byte("x"), 32<<10)
	write := func(size int) {
		for range size / len(text) {
			f := frame(room, next)
			next++
			f.JSON = append(append([]byte(`"`), text...), '"')
			<-db.Transcript().Append(f)
		}
	}
	const rounds, enough = 4, 17 << 20 // Each is folded.
	for before := 0; next < rounds*enough/uint64(len(text)); {
		write(enough)
		deadline := time.Now().Add(20 * time.Second)
		n := pagesFolded(t, dir)
		for ; n <= before; n = pagesFolded(t, dir) {
			if time.Now().After(deadline) {
				t.Fatalf("the log is not folded beyond page %d", before)
			}
			time.Sleep(10 * time.Millisecond)
		}
		before = n
	}
	info, err := os.Stat(filepath.Join(dir, "transcript.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < rounds*enough {
		t.Errorf("the log has %d MiB, want %d times %d", info.Size()>>20, rounds, enough>>20)
	}
}

// pagesFolded returns how many pages of the transcript's log are in its file.
func pagesFolded(t *testing.T, dir string) (n int) {
	t.Helper()
	file, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "transcript.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var busy, pages int
	if err := file.QueryRowContext(t.Context(), `PRAGMA wal_checkpoint(NOOP)`).Scan(&busy, &pages, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// folded returns the size of the transcript's file, which grows only by what is
// folded into it.
func folded(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "transcript.db"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
