package chatlog_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// shares reports which server should do a piece of work, as package cluster does.
type shares struct {
	mu      sync.Mutex
	servers []string
	owners  map[string]string
}

// of returns the Mine function of a server.
func (s *shares) of(server string) func(key string) bool {
	return func(key string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.owners[key] == "" {
			s.owners[key] = s.servers[len(s.owners)%len(s.servers)]
		}
		return s.owners[key] == server
	}
}

// among distributes all work again.
func (s *shares) among(servers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers, s.owners = servers, map[string]string{}
}

// TestShare runs three servers on one PostgreSQL and counts what each delivers.
func TestShare(t *testing.T) {
	t.Parallel()
	const readers = 30
	database := pgtest.Shared(t).Database(t)
	s := &shares{}
	s.among("one", "two", "three")
	servers := map[string]*bench{}
	for _, name := range []string{"one", "two", "three"} {
		b := newBench(t, func(o *store.Options) { o.Database = database })
		b.start("", func(o *chatlog.Options) { o.LocalDir, o.Mine = t.TempDir(), s.of(name) })
		servers[name] = b
	}
	one := servers["one"]
	var arns []string
	for i := range readers {
		arns = append(arns, one.configuration(chat.Destination{Type: chat.Firehose, Name: fmt.Sprint("stream-", i)}))
	}
	// delivered has one record appended for every reader and returns how many each
	// server delivered.
	delivered := func(within time.Duration) map[string]int {
		t.Helper()
		count := func() (total int, by map[string]int) {
			by = map[string]int{}
			for name, b := range servers {
				by[name] = int(testutil.ToFloat64(b.metrics.Records.WithLabelValues(string(chat.Firehose))))
				total += by[name]
			}
			return total, by
		}
		begun, before := count()
		for i, arn := range arns {
			one.append(fmt.Sprintf("room%08d", i), 1, arn)
		}
		eventually(t, within, "not everything was delivered", func() bool { total, _ := count(); return total >= begun+readers })
		_, by := count()
		for name := range by {
			by[name] -= before[name]
		}
		return by
	}

	if by := delivered(10 * time.Second); by["one"] != 10 || by["two"] != 10 || by["three"] != 10 {
		t.Errorf("three servers delivered %v, want 10 each", by)
	}
	s.among("one", "two")
	eventually(t, 10*time.Second, "the two that are left do not deliver half each", func() bool {
		by := delivered(10 * time.Second)
		return by["one"] == 15 && by["two"] == 15
	})
	// The server "four" does not run: the others stand in for it.
	s.among("one", "two", "four")
	if by := delivered(20 * time.Second); by["one"] < 10 || by["two"] < 10 {
		t.Errorf("with one that does not come they delivered %v", by)
	}
}
