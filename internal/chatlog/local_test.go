package chatlog_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/chatlog"
)

// localFiles returns the files of a local destination, uncompressed, by name.
func localFiles(t testing.TB, dir string, d chat.Destination) map[string]string {
	t.Helper()
	all := map[string]string{}
	root := filepath.Join(dir, string(d.Type))
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, ".part") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				return err
			}
			if body, err = io.ReadAll(z); err != nil {
				return err
			}
		}
		name, err := filepath.Rel(root, path)
		all[name] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// localIDs counts the frames in a local destination.
func localIDs(t testing.TB, dir string, d chat.Destination) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, text := range localFiles(t, dir, d) {
		for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); {
			all[frameID(t, in.Text())]++
		}
	}
	return all
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLocalNames checks that every name that the API accepts has files of its own.
func TestLocalNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := filepath.Join(t.TempDir(), "logs")
	groups := []string{
		".", "..", "...", "/", "//", "a/../b", "a", "a/b", "aws", "a#b", "A", strings.Repeat(".", 512), strings.Repeat("/", 512),
		strings.Repeat("x", 248), strings.Repeat("x", 255), strings.Repeat("x", 256), strings.Repeat("x", 512),
		strings.Repeat("/x", 127), strings.Repeat("x", 511) + "/", strings.Repeat("x", 254) + "..", strings.Repeat("x", 253) + "...", strings.Repeat("x", 248) + "/aws",
	}
	destinations := []chat.Destination{
		{Type: chat.S3, Name: "..."},
		{Type: chat.S3, Name: "---"},
		{Type: chat.S3, Name: strings.Repeat("b", 63)},
		{Type: chat.Firehose, Name: "."},
		{Type: chat.Firehose, Name: ".jsonl"},
		{Type: chat.Firehose, Name: strings.Repeat("f", 64)},
	}
	for _, g := range groups {
		destinations = append(destinations, chat.Destination{Type: chat.CloudWatchLogs, Name: g})
	}
	b.start("", func(o *chatlog.Options) { o.LocalDir = dir })
	wanted := map[chat.DestinationType]int{}
	for _, d := range destinations {
		b.append("room00000000", 1, b.configuration(d))
		wanted[d.Type]++
	}
	b.delivered()
	for kind, want := range wanted {
		files := localFiles(t, dir, chat.Destination{Type: kind})
		if len(files) != want {
			t.Errorf("%s: %d names have %d files", kind, want, len(files))
		}
		for name, text := range files {
			if strings.Count(text, "\n") != 1 {
				t.Errorf("%s: %d records share %s", kind, strings.Count(text, "\n"), name)
			}
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != len(wanted) {
		t.Errorf("beside the directories of the destinations are %v, %v", files, err)
	}
	// A name that fits keeps its earlier file.
	if _, err := os.Stat(filepath.Join(dir, "cloudWatchLogs", strings.Repeat("x", 255), "aws/IVSChatLogs/1.0/room_room00000000.jsonl")); err != nil {
		t.Error(err)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := filepath.Join(t.TempDir(), "logs")
	local := func(o *chatlog.Options) { o.LocalDir = dir }
	bucket := chat.Destination{Type: chat.S3, Name: "my-bucket"}
	group := chat.Destination{Type: chat.CloudWatchLogs, Name: "/chat/../../group"}
	stream := chat.Destination{Type: chat.Firehose, Name: ".."}
	arns := []string{b.configuration(bucket), b.configuration(group), b.configuration(stream)}
	b.start("", local)
	frames := b.append("room00000000", 30, arns...)
	other := b.append("room00000001", 30, arns...)
	b.delivered()
	all := append(frames, other...)

	t.Run("objects have their keys", func(t *testing.T) {
		wantIDs(t, localIDs(t, dir, bucket), all, 1)
		for name := range localFiles(t, dir, bucket) {
			key, ok := strings.CutPrefix(name, "my-bucket/")
			if !ok || !strings.HasPrefix(key, "AWSLogs/"+account+"/IVSChatLogs/1.0/"+region+"/room_room0000000") {
				t.Errorf("there is an object %s", name)
			}
		}
	})
	t.Run("each room has a stream, and no name leads out of the directory", func(t *testing.T) {
		files := localFiles(t, dir, group)
		name := "%2Fchat%2F..%2F..%2Fgroup/aws/IVSChatLogs/1.0/room_room00000001.jsonl"
		if diff := cmp.Diff(strings.Join(records(other), "\n")+"\n", files[name]); diff != "" || len(files) != 2 {
			t.Errorf("the stream %s, of %d, differs, want (-) and got (+):\n%s", name, len(files), diff)
		}
	})
	t.Run("all rooms share a delivery stream", func(t *testing.T) {
		wantIDs(t, localIDs(t, dir, stream), all, 1)
		if files := localFiles(t, dir, stream); files["%2E%2E.jsonl"] == "" || len(files) != 1 {
			t.Errorf("there are %d files", len(files))
		}
	})
	t.Run("an incomplete last line is removed", func(t *testing.T) {
		b.stop()
		path := filepath.Join(dir, "firehose", "%2E%2E.jsonl")
		f := must(os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0))(t)
		if _, err := fmt.Fprint(f, `{"event_timest`); err != nil {
			t.Fatal(err)
		}
		f.Close()
		more := b.append("room00000000", 10, arns[2])
		b.start("", local)
		b.delivered()
		wantIDs(t, localIDs(t, dir, stream), append(all, more...), 1)
	})
	t.Run("a failed write is repeated", func(t *testing.T) {
		path := filepath.Join(dir, "firehose", "%2E%2E.jsonl")
		if err := os.Rename(path, path+"-away"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		more := b.append("room00000000", 10, arns[2])
		eventually(t, longest, "the trouble is not in the log", func() bool { return strings.Contains(b.log.String(), "is a directory") })
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		b.delivered()
		if err := os.Remove(path + "-away"); err != nil {
			t.Fatal(err)
		}
		wantIDs(t, localIDs(t, dir, stream), more, 1)
	})
	t.Run("a file that was emptied begins anew", func(t *testing.T) {
		if err := os.Truncate(filepath.Join(dir, "firehose", "%2E%2E.jsonl"), 0); err != nil {
			t.Fatal(err)
		}
		more := b.append("room00000000", 10, arns[2])
		b.delivered()
		wantIDs(t, localIDs(t, dir, stream), more, 1)
	})
}

// TestFlush delivers what is owed at that moment, without an interval. Then the service
// continues as before.
func TestFlush(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := filepath.Join(t.TempDir(), "logs")
	b.start("", func(o *chatlog.Options) {
		o.LocalDir, o.FlushInterval, o.ObjectInterval = dir, time.Hour, time.Hour
	})
	group, bucket := chat.Destination{Type: chat.CloudWatchLogs, Name: "my-group"}, chat.Destination{Type: chat.S3, Name: "my-bucket"}
	toGroup, toBucket := b.configuration(group), b.configuration(bucket)
	flush := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), longest)
		defer cancel()
		b.logs.Flush(ctx)
		if ctx.Err() != nil {
			t.Fatal("the flush does not end")
		}
	}
	flush() // Nothing is owed.
	first := b.append("FlushRoom001", 10, toGroup, toBucket)
	flush()
	wantIDs(t, localIDs(t, dir, group), first, 1)
	wantIDs(t, localIDs(t, dir, bucket), first, 1)

	second := b.append("FlushRoom001", 10, toGroup, toBucket)
	flush()
	wantIDs(t, localIDs(t, dir, group), append(first, second...), 1)
	b.append("FlushRoom001", 1, toGroup, toBucket)
	if wantIDs(t, localIDs(t, dir, group), append(first, second...), 1); !b.owed() {
		t.Error("a record that came after the flush did not wait for its interval")
	}
}
