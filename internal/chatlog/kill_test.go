package chatlog_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/store"
)

// With crashDir set, the test binary is the process that TestKill kills. It uses
// the PostgreSQL crashDatabase, if that is set. crashEndpoint is an endpoint of
// AWS, or empty for local destinations.
const (
	crashDir      = "CONFAB_TEST_CRASH_DIR"
	crashDatabase = "CONFAB_TEST_CRASH_DATABASE"
	crashEndpoint = "CONFAB_TEST_CRASH_ENDPOINT"
)

const crashRooms = 4

// How many times a process is killed, each time when at most this many frames are
// durable: from the very first one to several calls for every destination.
const (
	rounds       = 4
	killedWithin = 400
)

// work appends frames for all logging configurations in the store and delivers them
// forever. It prints the durable frames on standard output. It returns only when
// something fails.
func work(dir, database, endpoint string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Server: true, Dir: dir, Database: database, SecretKey: secretKey, Region: region, Account: account})
	if err != nil {
		return err
	}
	configurations, _, err := db.ListLoggingConfigurations(ctx, 100, "")
	if err != nil {
		return err
	}
	var arns []string
	for _, c := range configurations {
		arns = append(arns, c.ARN.String())
	}
	o := chatlog.Options{
		Region: region, Account: account, Transcript: db.Transcript(), FlushInterval: 10 * time.Millisecond, ObjectInterval: 10 * time.Millisecond,
		Metrics: chatlog.NewMetrics(nil), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if endpoint == "" {
		o.LocalDir = dir + "-logs"
	} else {
		o.AWS = awsConfig(endpoint)
	}
	if _, err := chatlog.New(o); err != nil {
		return err
	}
	failed := make(chan error)
	var out sync.Mutex
	for i := range crashRooms {
		go func() {
			for n := uint64(0); ; n++ {
				f := newFrame(fmt.Sprintf("room0000000%d", i), n, arns...)
				began := time.Now()
				<-db.Transcript().Append(f)
				var err error
				if db.Transcript().Failing() || time.Since(began) > time.Second {
					// The machine is so busy that frames are acknowledged that are in memory only.
					err = db.Transcript().Flush(ctx)
				}
				out.Lock()
				if err == nil {
					_, err = fmt.Println(f.ID)
				}
				out.Unlock()
				if err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// serving opens the store as a server does, with the journal of frames.
func serving(o *store.Options) { o.Server = true }

// killed runs work on SQLite, kills it after some lines, and returns the frames
// that were durable.
func killed(t *testing.T, dir, endpoint string, after int) []string {
	t.Helper()
	return killedWhen(t, dir, "", endpoint, func(lines int) bool { return lines == after })
}

// killedWhen is killed with a condition, which is checked after every line.
func killedWhen(t *testing.T, dir, database, endpoint string, now func(lines int) bool) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // The machine may be busy.
	defer cancel()
	child := exec.CommandContext(ctx, must(os.Executable())(t))
	child.Env = append(os.Environ(), crashDir+"="+dir, crashDatabase+"="+database, crashEndpoint+"="+endpoint)
	var complaints strings.Builder
	child.Stderr = &complaints
	stdout := must(child.StdoutPipe())(t)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var all []string
	done := false
	for in := bufio.NewReader(stdout); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // A line that was cut off does not count.
		}
		all = append(all, strings.TrimSpace(line))
		if !done && now(len(all)) {
			done = true
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !done {
		t.Fatalf("the process ended by itself after %d lines: %v", len(all), err)
	}
	if complaints.Len() > 0 {
		t.Errorf("the process complains:\n%s", complaints.String())
	}
	return all
}

// duplicates checks that all durable frames are there and returns how many records are
// there more than once.
func duplicates(t *testing.T, got map[string]int, durable []string) int {
	t.Helper()
	lost := 0
	for _, id := range durable {
		if got[id] == 0 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d frames that were durable are lost", lost, len(durable))
	}
	n := 0
	for count := range maps.Values(got) {
		n += count - 1
	}
	return n
}

// TestKill kills a process that appends and delivers with SIGKILL, at random moments,
// and checks that everything still arrives.
func TestKill(t *testing.T) {
	t.Parallel()
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	b := newBench(t, serving)
	ds := []chat.Destination{c.create(t, chat.S3), c.create(t, chat.CloudWatchLogs), c.create(t, chat.Firehose)}
	for _, d := range ds {
		b.configuration(d)
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	var durable []string
	objects := map[string]object{}
	for range rounds {
		durable = append(durable, killed(t, b.dir, endpoint, 1+rand.IntN(killedWithin))...)
		objects = stillThere(t, c, ds[0].Name, objects)
	}
	b.reopen()
	b.start(endpoint)
	b.delivered()
	stillThere(t, c, ds[0].Name, objects)
	for _, d := range ds {
		n := duplicates(t, c.ids(t, d), durable)
		t.Logf("%s: %d records, %d duplicates after %d kills", d.Type, len(durable), n, rounds)
		// What one process can have under way when it is killed, see package chatlog.
		limit := map[chat.DestinationType]int{chat.S3: 0, chat.CloudWatchLogs: crashRooms * 10_000, chat.Firehose: 4 * 500}[d.Type]
		if n > rounds*limit {
			t.Errorf("%s: %d duplicates after %d kills, want at most %d", d.Type, n, rounds, rounds*limit)
		}
	}
}

// stillThere checks that the earlier objects have not changed, and returns all current
// ones.
func stillThere(t *testing.T, c *cloud, bucket string, before map[string]object) map[string]object {
	t.Helper()
	now := c.objects(t, bucket)
	for key, o := range before {
		if now[key].sum != o.sum {
			t.Errorf("the object %s had %d bytes and has %d others", key, o.size, now[key].size)
		}
	}
	return now
}

// TestKillLocal does the same with local destinations, which have no duplicates.
func TestKillLocal(t *testing.T) {
	t.Parallel()
	b := newBench(t, serving)
	ds := []chat.Destination{{Type: chat.S3, Name: "bucket"}, {Type: chat.CloudWatchLogs, Name: "/chat/group"}, {Type: chat.Firehose, Name: "stream"}}
	for _, d := range ds {
		b.configuration(d)
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	var durable []string
	for range rounds {
		durable = append(durable, killed(t, b.dir, "", 1+rand.IntN(killedWithin))...)
	}
	b.reopen()
	b.start("", func(o *chatlog.Options) { o.LocalDir = b.dir + "-logs" })
	b.delivered()
	for _, d := range ds {
		if n := duplicates(t, localIDs(t, b.dir+"-logs", d), durable); n > 0 {
			t.Errorf("%s: %d duplicates", d.Type, n)
		}
	}
}
