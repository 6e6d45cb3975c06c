package chatlog_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// takenOverWithin is the time that docs/chat-logging.md promises for the readers of a
// crashed server, plus a margin for a loaded machine.
const takenOverWithin = 10*time.Second + 5*time.Second

// TestServers runs two servers on one PostgreSQL: another process, which has claimed
// the readers, and this one, which starts later. The first is killed under load.
func TestServers(t *testing.T) {
	t.Parallel()
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	database := pgtest.Shared(t).Database(t)
	b := newBench(t, func(o *store.Options) { o.Database = database })
	ds := []chat.Destination{c.create(t, chat.S3), c.create(t, chat.Firehose)}
	var arns []string
	for _, d := range ds {
		arns = append(arns, b.configuration(d))
	}
	delivered := func(d chat.Destination) float64 {
		return testutil.ToFloat64(b.metrics.Records.WithLabelValues(string(d.Type)))
	}

	// The other server has delivered to both, then both run for more than a second.
	var both time.Time
	objects := map[string]object{}
	durable := killedWhen(t, b.dir, database, endpoint, func(lines int) bool {
		switch {
		case lines%20 > 0:
		case both.IsZero():
			objects = c.objects(t, ds[0].Name)
			if len(objects) == 0 || len(c.ids(t, ds[1])) == 0 {
				break
			}
			b.start(endpoint)
			both = time.Now()
		default:
			return time.Since(both) > 1200*time.Millisecond
		}
		return false
	})
	killed := time.Now()
	for _, d := range ds {
		if n := delivered(d); n > 0 {
			t.Errorf("%s: both deliver; the second one has %v records", d.Type, n)
		}
	}
	// This server's rooms continue, and wait for their readers too.
	for _, f := range b.append("room00000009", 100, arns...) {
		durable = append(durable, f.ID)
	}
	for _, d := range ds {
		eventually(t, takenOverWithin-time.Since(killed), "the readers were not taken over", func() bool { return delivered(d) > 0 })
	}
	t.Logf("taken over %.1f s after the kill", time.Since(killed).Seconds())
	b.delivered()
	stillThere(t, c, ds[0].Name, objects)
	for _, d := range ds {
		n := duplicates(t, c.ids(t, d), durable)
		t.Logf("%s: %d records, %d duplicates", d.Type, len(durable), n)
		if limit := map[chat.DestinationType]int{chat.S3: 0, chat.Firehose: 4 * 500}[d.Type]; n > limit {
			t.Errorf("%s: %d duplicates, want at most %d", d.Type, n, limit)
		}
	}
	if len(b.log.String()) > 0 {
		t.Errorf("the second server complains:\n%s", b.log.String())
	}
}
