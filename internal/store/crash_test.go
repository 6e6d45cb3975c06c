package store_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// crashDir, when set, makes the test binary the process that TestKill kills.
const crashDir = "CONFAB_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, work(dir))
		os.Exit(1)
	}
	// Most of the time the tests wait for a disk or for each other's locks.
	flag.Parse()
	flag.Set("test.parallel", "4") //nolint:errcheck // The testing package has this flag.
	os.Exit(pgtest.Run(m))
}

// work uses the store in dir for ever and says on standard output what was
// acknowledged, a line for each: "redeem ID", "append ROOM SEQUENCE",
// "create ID", "update ID", "delete ID", where "doomed ID" is the creation of a
// room that is deleted next. It returns only when something
// fails.
func work(dir string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, serving(dir))
	if err != nil {
		return err
	}
	failed := make(chan error)
	var out sync.Mutex
	acknowledged := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		if _, err := fmt.Printf(format+"\n", args...); err != nil {
			failed <- err
		}
	}
	for range 16 {
		go func() {
			for {
				id := tokenID()
				if err := redeem(db, ctx, id, time.Now().Add(time.Hour)); err != nil {
					failed <- err
				}
				acknowledged("redeem %x", id)
			}
		}()
	}
	for range 4 {
		room := chat.NewID()
		go func() {
			for i := uint64(0); ; i++ {
				if err := durable(ctx, db, frame(room, i)); err != nil {
					failed <- err
				}
				acknowledged("append %s %d", room, i)
			}
		}()
	}
	for range 2 {
		go func() {
			for i := 0; ; i++ {
				r := &chat.Room{Name: "created"}
				if err := db.CreateRoom(ctx, r, 0); err != nil {
					failed <- err
				}
				what := "create"
				if i%3 == 1 {
					what = "doomed"
				}
				acknowledged("%s %s", what, r.ARN.ID)
				switch i % 3 {
				case 0:
					if _, err := db.UpdateRoom(ctx, r.ARN.ID, func(r *chat.Room) error { r.Name = "updated"; return nil }); err != nil {
						failed <- err
					}
					acknowledged("update %s", r.ARN.ID)
				case 1:
					if err := db.DeleteRoom(ctx, r.ARN.ID); err != nil {
						failed <- err
					}
					acknowledged("delete %s", r.ARN.ID)
				}
			}
		}()
	}
	return <-failed
}

// durable appends a frame and returns when it is durable. On a machine so busy that a commit
// takes seconds, the transcript acknowledges frames that are in memory only; the frame is
// then in the database when durable returns.
func durable(ctx context.Context, db *store.DB, f *chat.Frame) error {
	began := time.Now()
	<-db.Transcript().Append(f)
	if !db.Transcript().Failing() && time.Since(began) < time.Second {
		return nil
	}
	return db.Transcript().Flush(ctx)
}

// TestKill ends a process that uses the store with SIGKILL, at random moments,
// and holds that all it had acknowledged is there.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for round := range 6 {
		lines := killed(t, dir, 1+rand.IntN(2000))
		db := must(store.Open(t.Context(), serving(dir)))(t)
		rooms := map[string]string{} // what was last said about each
		frames := map[string]int{}   // how many each room has
		for _, line := range lines {
			fields := strings.Fields(line)
			switch what, id := fields[0], fields[1]; what {
			case "redeem":
				wantCode(t, redeem(db, t.Context(), [16]byte(must(hex.DecodeString(id))(t)), time.Now().Add(time.Hour)), chat.Unauthenticated)
			case "append":
				frames[id]++
			default:
				rooms[id] = what
			}
		}
		for id, last := range rooms {
			room, err := db.Room(t.Context(), id)
			switch {
			case last == "delete":
				wantCode(t, err, chat.NotFound)
			case last == "doomed" && chat.CodeOf(err) == chat.NotFound:
				// Its deletion was done and not yet said.
			case err != nil:
				t.Errorf("round %d: room %s is lost after its %s: %v", round, id, last, err)
			case last == "update" && room.Name != "updated":
				t.Errorf("round %d: the update of room %s is lost", round, id)
			}
		}
		for id, n := range frames {
			all, err := db.Transcript().Read(t.Context(), id, 0, n)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != n {
				t.Errorf("round %d: %d of %d frames of a room are there", round, len(all), n)
			}
			for i, r := range all {
				if r.Sequence != uint64(i) {
					t.Fatalf("round %d: record %d is frame %d", round, i, r.Sequence)
				}
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d: %d acknowledgements, %d rooms", round, len(lines), len(rooms))
	}
}

// killed runs work, kills it after some lines, and returns all it has said.
func killed(t *testing.T, dir string, after int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // The machine may be busy.
	defer cancel()
	child := exec.CommandContext(ctx, must(os.Executable())(t))
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	stdout := must(child.StdoutPipe())(t)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewReader(stdout); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // A line that was cut off was not said.
		}
		lines = append(lines, line)
		if len(lines) == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(lines) < after {
		t.Fatalf("the process ended by itself after %d lines: %v", len(lines), err)
	}
	return lines
}
