package chatlog_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/chatlog"
)

func TestAppendRecord(t *testing.T) {
	at := time.Date(2024, 5, 1, 12, 0, 0, 123_999_999, time.FixedZone("", 7200))
	got := string(chatlog.AppendRecord(nil, &chatlog.Record{Time: at, Type: chat.EventFrame, JSON: []byte(`{"Type":"EVENT"}`)}))
	want := `{"event_timestamp":"2024-05-01T10:00:00.123Z","type":"EVENT","payload":{"Type":"EVENT"},"version":"1.0"}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

// record returns the line of a frame.
func record(f *chat.Frame) string {
	return string(chatlog.AppendRecord(nil, &chatlog.Record{Time: f.Time, Type: f.Type, JSON: f.JSON}))
}

// records returns the lines of frames, in their order.
func records(frames []*chat.Frame) []string {
	var all []string
	for _, f := range frames {
		all = append(all, record(f))
	}
	return all
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		start func() (string, error)
		kinds []chat.DestinationType
	}{
		{"moto", moto, []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose}},
		{"versitygw", versitygw, []chat.DestinationType{chat.S3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := server(t, tt.start)
			for _, kind := range tt.kinds {
				t.Run(string(kind), func(t *testing.T) {
					c := newCloud(endpoint)
					b := newBench(t)
					d := c.create(t, kind)
					arn := b.configuration(d)
					b.start(endpoint)
					frames := map[string][]*chat.Frame{}
					var all []*chat.Frame
					for range 3 {
						for i := range 5 {
							room := fmt.Sprintf("Room%08d", i)
							some := b.append(room, 40, arn)
							frames[room] = append(frames[room], some...)
							all = append(all, some...)
						}
					}
					b.delivered()
					b.finish() // Records are counted after their position moves.
					wantIDs(t, c.ids(t, d), all, 1)
					lines := c.lines(t, d)
					for room, its := range frames {
						want, got := records(its), lines[room]
						if kind == chat.Firehose {
							want, got = records(all), lines[""]
						}
						slices.Sort(want)
						slices.Sort(got)
						if diff := cmp.Diff(want, got); diff != "" {
							t.Fatalf("records of room %s differ, want (-) and got (+):\n%s", room, diff)
						}
					}
					if n := testutil.ToFloat64(b.metrics.Records.WithLabelValues(string(kind))); n != float64(len(all)) {
						t.Errorf("%v records count as delivered, want %d", n, len(all))
					}
					if log := b.log.String(); log != "" {
						t.Errorf("nothing went wrong, and the log says:\n%s", log)
					}
				})
			}
		})
	}
}

var keyPattern = regexp.MustCompile(`^AWSLogs/(\d{12})/IVSChatLogs/1\.0/([a-z0-9-]+)/room_(\w{12})/(\d{4})/(\d\d)/(\d\d)/(\d\d)/` +
	`(\d{12})_IVSChatLogs_1\.0_([a-z0-9-]+)_room_(\w{12})_(\d{8})T(\d\d)(\d\d)Z_[0-9a-f]{8}\.log\.gz$`)

func TestObjectKeys(t *testing.T) {
	t.Parallel()
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	b := newBench(t)
	d := c.create(t, chat.S3)
	frames := b.append("abcDEF012345", 3, b.configuration(d))
	b.start(endpoint) // A service that runs already may look between two of the frames.
	b.delivered()
	objects := c.objects(t, d.Name)
	if len(objects) != 1 {
		t.Fatalf("there are %d objects, want one", len(objects))
	}
	for key, o := range objects {
		m := keyPattern.FindStringSubmatch(key)
		if m == nil {
			t.Fatalf("the key is %q", key)
		}
		at := frames[0].Time.UTC()
		want := []string{
			account, region, "abcDEF012345", at.Format("2006"), at.Format("01"), at.Format("02"), at.Format("15"),
			account, region, "abcDEF012345", at.Format("20060102"), at.Format("15"), at.Format("04"),
		}
		if diff := cmp.Diff(want, m[1:]); diff != "" {
			t.Errorf("the parts of %q, want (-) and got (+):\n%s", key, diff)
		}
		if diff := cmp.Diff(strings.Join(records(frames), "\n")+"\n", o.text); diff != "" {
			t.Errorf("want (-) and got (+):\n%s", diff)
		}
	}
}

// TestIntervals checks when something is written: an object when it is as old as the
// interval, or when there are enough records for one.
func TestIntervals(t *testing.T) {
	t.Parallel()
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	b := newBench(t)
	bucket, group := c.create(t, chat.S3), c.create(t, chat.CloudWatchLogs)
	b.start(endpoint, func(o *chatlog.Options) { o.ObjectInterval = time.Hour })
	toBucket, toGroup := b.configuration(bucket), b.configuration(group)
	few := b.append("FewRecords00", 10, toBucket, toGroup)
	const enough, long = 700, 8 << 10 // records of this many bytes: more than 5 MiB
	many := b.appendLong("ManyRecords0", enough, long, toBucket)
	eventually(t, 30*time.Second, "the group has not got its records", func() bool { return len(c.ids(t, group)) == len(few) })
	eventually(t, 30*time.Second, "there is no object for many records", func() bool { return len(c.objects(t, bucket.Name)) > 0 })
	if got := c.lines(t, bucket)["FewRecords00"]; len(got) > 0 {
		t.Errorf("an object with %d records did not wait for its interval", len(got))
	}

	// A graceful stop waits for no interval.
	b.finish()
	wantIDs(t, c.ids(t, bucket), append(few, many...), 1)
	if n := len(c.objects(t, bucket.Name)); n > 3 {
		t.Errorf("there are %d objects for what fits into 3", n)
	}
	if b.owed() {
		t.Error("the service stopped with records that it owes")
	}
}

// TestMeantFor changes everything while frames are appended. Each frame goes to the
// destinations of the moment when it was appended.
func TestMeantFor(t *testing.T) {
	t.Parallel()
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	b := newBench(t)
	one, two, three := c.create(t, chat.S3), c.create(t, chat.CloudWatchLogs), c.create(t, chat.S3)
	changed, other := b.configuration(one), b.configuration(two)
	id := must(chat.ParseARN(changed))(t).ID

	both := b.append("room00000001", 20, changed, other)
	onlyOther := b.append("room00000001", 20, other)
	b.append("room00000001", 20)
	onlyChanged := b.append("room00000001", 20, changed)
	must(b.db.UpdateLoggingConfiguration(t.Context(), id, func(c *chat.LoggingConfiguration) error {
		c.Destination = three
		return nil
	}))(t)
	afterwards := b.append("room00000001", 20, changed)
	if err := b.db.DeleteLoggingConfiguration(t.Context(), id); err != nil {
		t.Fatal(err)
	}

	b.start(endpoint)
	b.delivered()
	wantIDs(t, c.ids(t, one), slices.Concat(both, onlyChanged), 1)
	wantIDs(t, c.ids(t, two), slices.Concat(both, onlyOther), 1)
	wantIDs(t, c.ids(t, three), afterwards, 1)
}
