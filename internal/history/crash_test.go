package history_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/history"
	"confab/internal/pgtest"
	"confab/internal/sqldb"
)

// crashPlace, when set, makes the test binary the process that TestKill kills: the data
// directory, or the URL of the database.
const crashPlace = "CONFAB_TEST_CRASH_PLACE"

func placed(place string) opener {
	if sqldb.IsPostgres(place) {
		return opened(sqldb.Options{URL: place})
	}
	return opened(sqldb.Options{Dir: place})
}

// crowd are the rooms of the process, more than one transaction of a compaction moves.
const crowd = 50

func crowdRoom(i int) string { return fmt.Sprint("room", i) }

// work appends and compacts for ever, and writes a line for each frame that is stored:
// room and id.
func work(place string) {
	w := placed(place)(&broken{})
	for i := range crowd {
		w.rooms.set(crowdRoom(i), time.Hour)
	}
	go func() {
		for {
			if err := w.Compact(context.Background()); err != nil {
				panic(err)
			}
		}
	}()
	for {
		// Rooms that a batch does not have stay behind.
		batch := w.batch(1 + rand.IntN(crowd))
		w.append(batch...)
		for _, f := range batch {
			fmt.Println(f.RoomID, f.ID) //nolint:forbidigo // For the test that started the process.
		}
	}
}

// broken is the testing.TB of the process that is killed.
type broken struct{ testing.TB }

func (*broken) Helper()           {}
func (*broken) Cleanup(func())    {}
func (*broken) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// TestKill ends a process that appends and compacts with SIGKILL, at random moments, and
// holds that each frame that was stored is there once, in order, and so is each one after
// the next compaction.
func TestKill(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		kills(t, filepath.Join(t.TempDir(), "data"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		kills(t, pgtest.Shared(t).Database(t))
	})
}

func kills(t *testing.T, place string) {
	t.Helper()
	placed(place)(t).close()
	stored := map[string][]string{}
	rounds := 4
	if sqldb.IsPostgres(place) {
		rounds = 2 // The lease of a killed server lasts ten seconds.
	}
	for round := range rounds {
		for _, line := range killed(t, place, 1+rand.IntN(2000)) {
			room, id, _ := strings.Cut(strings.TrimSpace(line), " ")
			stored[room] = append(stored[room], id)
		}
		w := placed(place)(t)
		for _, when := range []string{"before", "after"} {
			for i := range crowd {
				room := crowdRoom(i)
				all := w.list(history.Query{RoomID: room, Max: 100})
				newest := w.list(history.Query{RoomID: room, Max: 100, NewestFirst: true})
				if len(all) != len(newest) {
					t.Fatalf("round %d, %s: %d frames oldest first, %d newest first", round, when, len(all), len(newest))
				}
				want := stored[room]
				for k, m := range all {
					if k > 0 && (m.Position <= all[k-1].Position || m.ID == all[k-1].ID) {
						t.Fatalf("round %d, %s: message %d is out of order or there twice", round, when, k)
					}
					if len(want) > 0 && m.ID == want[0] {
						want = want[1:]
					}
				}
				if len(want) > 0 {
					t.Fatalf("round %d, %s: %d stored frames of %s are lost", round, when, len(want), room)
				}
			}
			if when == "before" {
				w.compact()
			}
		}
		t.Logf("round %d: %d pieces", round, w.rows("history_pieces"))
		w.close()
	}
}

// killed runs work, kills it after some lines, and returns what it wrote.
func killed(t *testing.T, place string, after int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), crashPlace+"="+place)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewReader(stdout); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // An incomplete line does not count.
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

// TestTwoServers has two servers append to the same rooms and compact at the same time,
// while others page through them.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	open := postgres(t)
	const each, inRooms = 150, 3
	servers := []*rig{open(t), open(t)}
	for i := range inRooms {
		servers[0].rooms.set(crowdRoom(i), time.Hour)
	}
	var appending, rest sync.WaitGroup
	done := make(chan struct{})
	for n, w := range servers {
		appending.Go(func() {
			for i := range each {
				w.append(w.frame(crowdRoom(i%inRooms), fmt.Sprint("server", n), fmt.Sprint(i)), w.frame(crowdRoom((i+1)%inRooms), "both", "x"))
			}
		})
		rest.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				check(t, w.Compact(context.Background()))
				for _, newestFirst := range []bool{false, true} {
					inOrder(t, w.list(history.Query{RoomID: crowdRoom(n), Max: 17, NewestFirst: newestFirst}), newestFirst)
				}
			}
		})
	}
	appending.Wait()
	close(done)
	rest.Wait()
	servers[0].compact()
	total := 0
	for i := range inRooms {
		all := servers[1].list(history.Query{RoomID: crowdRoom(i), Max: 100})
		inOrder(t, all, false)
		total += len(all)
	}
	if total != len(servers)*each*2 {
		t.Errorf("there are %d messages, want %d", total, len(servers)*each*2)
	}
}

// inOrder holds that positions grow, or fall, and that each server's messages do so, too,
// without gaps.
func inOrder(t *testing.T, all []history.Message, falling bool) {
	t.Helper()
	last := map[string]history.Message{}
	var before int64
	for i, m := range all {
		if i > 0 && (m.Position > before) == falling {
			t.Errorf("position %d comes after %d", m.Position, before)
		}
		before = m.Position
		if l, known := last[m.UserID]; known && m.UserID != "both" {
			if (m.Sequence > l.Sequence) == falling {
				t.Errorf("%s: frame %d comes after %d", m.UserID, m.Sequence, l.Sequence)
			}
		}
		last[m.UserID] = m
	}
}
