package logging

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/awstest"
	"confab/internal/chat"
	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// record is what the service writes for a frame that a client received: the
// time of the frame cut to milliseconds, its type, and all its bytes.
func record(t testing.TB, f frame) string {
	t.Helper()
	at := must(time.Parse(time.RFC3339Nano, f.SendTime))(t).UTC().Truncate(time.Millisecond)
	return fmt.Sprintf(`{"event_timestamp":"%s","type":"%s","payload":%s,"version":"1.0"}`, at.Format("2006-01-02T15:04:05.000Z"), f.Type, f.text)
}

// TestRecords has official clients do one of everything in a room with three
// logging configurations, and holds each destination against what a receiver got:
// names, order and every byte.
func TestRecords(t *testing.T) {
	t.Parallel()
	gateway := must(awstest.StartVersitygw(t.Context(), t.TempDir()))(t)
	t.Cleanup(gateway.Close)
	for name, endpoint := range map[string]string{"moto": moto.URL, "versitygw": gateway.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options(t.TempDir(), endpoint, moto.URL, soon...))
			b, g, d := newBucket(t, endpoint), newLogGroup(t, moto.URL), newDeliveryStream(t, moto.URL)
			room := s.room(t, s.configuration(t, b.configuration()), s.configuration(t, g.configuration()), s.configuration(t, d.configuration()))
			id := room[strings.LastIndexByte(room, '/')+1:]

			listener := must(s.join(t.Context(), room, "listener"))(t)
			defer listener.socket.CloseNow()
			sent := officialClients(t, s, room)
			var want, got []string
			for range sent {
				f := must(listener.next(t.Context()))(t)
				got = append(got, f.Id)
				want = append(want, record(t, f))
			}
			if diff := cmp.Diff(sent, got); diff != "" {
				t.Fatalf("the listener received, want (-) and got (+):\n%s", diff)
			}
			for _, to := range []destination{b, g, d} {
				eventually(t, patience, fmt.Sprintf("%d records in a %T", len(want), to), func() bool { return len(logged(t, to)) >= len(want) })
			}

			t.Run("S3", func(t *testing.T) {
				objects := b.records(t)
				var all []string
				for key, some := range objects {
					wantKey(t, key, id, some[0])
					wantInOrder(t, key, some, want)
					all = append(all, some...)
				}
				wantSame(t, want, all)
			})
			t.Run("CloudWatch Logs", func(t *testing.T) {
				streams := g.records(t)
				stream := "aws/IVSChatLogs/1.0/room_" + id
				if len(streams) != 1 {
					t.Errorf("there are %d streams", len(streams))
				}
				if diff := cmp.Diff(want, streams[stream]); diff != "" {
					t.Errorf("%s, want (-) and got (+):\n%s", stream, diff)
				}
			})
			t.Run("Firehose", func(t *testing.T) { wantSame(t, want, logged(t, d)) })
		})
	}
}

// officialClients runs the official clients and returns the ids of the frames
// that they caused.
func officialClients(t *testing.T, s *server, room string) []string {
	t.Helper()
	official.Need(t, official.Dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "logged.mjs", room)
	cmd.Dir, cmd.Env = official.Dir, official.Environment(s.Endpoint, s.WebSocket)
	var complaints process.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	var sent []string
	if err != nil || json.Unmarshal(out, &sent) != nil {
		t.Fatalf("the official clients failed: %v\n%s%s", err, out, complaints.String())
	}
	return sent
}

var keyPattern = regexp.MustCompile(`^AWSLogs/` + process.Account + `/IVSChatLogs/1\.0/` + process.Region + `/room_(\w{12})/(\d{4}/\d\d/\d\d/\d\d)/` +
	process.Account + `_IVSChatLogs_1\.0_` + process.Region + `_room_(\w{12})_(\d{8}T\d{4})Z_[0-9a-f]{8}\.log\.gz$`)

// wantKey holds a key against the format that the service documents. Its time
// is that of the first record.
func wantKey(t *testing.T, key, room, first string) {
	t.Helper()
	var r struct {
		Time time.Time `json:"event_timestamp"`
	}
	if err := json.Unmarshal([]byte(first), &r); err != nil {
		t.Fatal(err)
	}
	want := []string{room, r.Time.Format("2006/01/02/15"), room, r.Time.Format("20060102T1504")}
	m := keyPattern.FindStringSubmatch(key)
	if m == nil || !slices.Equal(want, m[1:]) {
		t.Errorf("the key is %q, want the parts %q", key, want)
	}
}

// wantInOrder holds that the records of an object have the order of the room.
func wantInOrder(t *testing.T, key string, some, all []string) {
	t.Helper()
	for _, r := range some {
		i := slices.Index(all, r)
		if i < 0 {
			t.Errorf("%s has a record out of order or that no client received: %s", key, r)
			return
		}
		all = all[i+1:]
	}
}

// wantSame compares records that may lie in any order.
func wantSame(t *testing.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

// TestDev logs below the data directory with nothing installed and nothing set.
// A stop in good order does not leave anything behind.
func TestDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(dir, "http://127.0.0.1:9", "http://127.0.0.1:9", "--dev", "--account-id", process.Account)
	s := start(t, o)
	s.api = s.APIOf("AKIDCONFABDEV0000001", "confab-dev-secret-key-not-for-production")
	b, g, d := &bucket{name: newName()}, &logGroup{name: newName()}, &deliveryStream{name: newName()}
	var arns []string
	for _, to := range []destination{b, g, d} {
		arns = append(arns, s.configuration(t, to.configuration()))
	}
	room := s.room(t, arns...)
	id := room[strings.LastIndexByte(room, '/')+1:]
	c := must(s.join(t.Context(), room, "ann"))(t)
	defer c.socket.CloseNow()
	var want []string
	for i := range 5 {
		if err := c.send(t.Context(), fmt.Sprint("message ", i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, record(t, must(c.next(t.Context()))(t)))
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	logs := os.DirFS(dir + "/chat-logs")
	objects := must(fs.Glob(logs, "s3/"+b.name+"/AWSLogs/*/IVSChatLogs/1.0/*/room_"+id+"/*/*/*/*/*.log.gz"))(t)
	if len(objects) != 1 {
		t.Fatalf("there are %d objects, want one", len(objects))
	}
	for name, want := range map[string][]string{
		objects[0]: want,
		"cloudWatchLogs/" + g.name + "/aws/IVSChatLogs/1.0/room_" + id + ".jsonl": want,
		"firehose/" + d.name + ".jsonl":                                           want,
	} {
		body := must(os.ReadFile(dir + "/chat-logs/" + name))(t)
		if diff := cmp.Diff(want, lines(t, name, body)); diff != "" {
			t.Errorf("%s, want (-) and got (+):\n%s", name, diff)
		}
	}
}

// TestCheck writes test records with the command, and has it say what is wrong.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir(), moto.URL, moto.URL))
	b, g, d := newBucket(t, moto.URL), newLogGroup(t, moto.URL), newDeliveryStream(t, moto.URL)
	for place, to := range map[string]destination{
		"s3://" + b.name + "/AWSLogs/":                                           b,
		"log group " + g.name + ", stream aws/IVSChatLogs/1.0/room_confab-check": g,
		"delivery stream " + d.name:                                              d,
	} {
		out := must(s.Run(t.Context(), "logging", "check", "--endpoint", s.Endpoint, s.configuration(t, to.configuration())))(t)
		if !strings.HasPrefix(string(out), "A test record is in "+place) {
			t.Errorf("it says %q, want %q", out, place)
		}
		if n := len(logged(t, to)); n != 1 {
			t.Errorf("%s: there are %d records", place, n)
		}
	}
	none := s.configuration(t, (&bucket{name: newName()}).configuration())
	unknown := strings.TrimSuffix(none, none[len(none)-12:]) + chat.NewID()
	for _, tt := range []struct{ args, want string }{
		{none, "does not exist in us-west-2; make it, or update the logging configuration"},
		{unknown, "ResourceNotFoundException"},
		{"my-bucket", `there is no logging configuration named "my-bucket"; confab logging list shows`},
		{"--endpoint http://127.0.0.1:9 " + none, "start the server, or correct the endpoint (--endpoint"},
	} {
		args := append([]string{"logging", "check", "--endpoint", s.Endpoint}, strings.Fields(tt.args)...)
		if out, err := s.Run(t.Context(), args...); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "\n") > 1 {
			t.Errorf("%s: got %q and %v, want one line with %q", tt.args, out, err, tt.want)
		}
	}
}
