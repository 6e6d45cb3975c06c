package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
	"confab/internal/testbed/process"
)

// TestWrongClusterSecret puts a node with another cluster secret beside a healthy
// cluster under load: it is refused and takes no clients, both sides log it, and
// the other nodes and their clients do not notice.
func TestWrongClusterSecret(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	c := start(t, cluster.Options{Database: database})
	const wrong = "another-cluster-secret-entirely-456"
	stranger, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trial := cluster.Trial{Seed: 1, Writers: 1, Rooms: rooms()}
	report, err := c.Run(t.Context(), &trial, func(ctx context.Context, _ *cluster.Trial) error {
		cluster.Pause(ctx, crowd.Warm)
		s, err := process.Start(ctx, process.Options{
			DataDir: t.TempDir(), Unready: true,
			Args: []string{
				"--database", database, "--node-name", "stranger", "--cluster-listen", stranger, "--cluster-peers", c.Peers(),
			},
			Env: append(c.Nodes[0].Env(), "CONFAB_CLUSTER_SECRET="+wrong),
		})
		if err != nil {
			return err
		}
		for range 40 {
			cluster.Pause(ctx, 100*time.Millisecond)
			if status, text, err := readiness(ctx, s); status != http.StatusServiceUnavailable || !strings.Contains(text, "CONFAB_CLUSTER_SECRET") {
				t.Errorf("the stranger's /readyz: %d %s, %v", status, text, err)
			}
			for _, n := range c.Nodes {
				if status, text, err := readiness(ctx, n.Server()); status != http.StatusOK {
					t.Errorf("%s's /readyz: %d %s, %v", n.Name, status, text, err)
				}
			}
			if t.Failed() {
				break
			}
		}
		log := s.Log()
		if err := s.Kill(); err != nil {
			return err
		}
		if !strings.Contains(log, `"members":1`) || strings.Contains(log, `"members":2`) {
			return fmt.Errorf("the stranger is no cluster of its own: %s", process.Tail(log))
		}
		if lines := strings.Count(log, "Not ready: the other nodes reject this node"); lines != 1 {
			t.Errorf("the stranger logs %d times that it is refused", lines)
		}
		t.Logf("the stranger logs: %.300s", lineWith(log, "Not ready"))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, v := range report.Violations {
		t.Error(v)
	}
	for _, n := range c.Nodes {
		line := lineWith(n.Log(), "authentication error")
		if line == "" {
			t.Errorf("%s does not log that it refused a node", n.Name)
		}
		t.Logf("%s logs: %.300s", n.Name, line)
		if strings.Contains(n.Log(), wrong) {
			t.Errorf("%s logs the secret", n.Name)
		}
	}
	if trial.History == nil {
		return
	}
	m := history.Measure(trial.History)
	t.Logf("%+v", m)
	if m.Moved > 0 || m.Unknown > 0 || m.Acknowledged == 0 {
		t.Errorf("%d connections were lost, %d requests had no answer", m.Moved, m.Unknown)
	}
}

// readiness is what a server's /readyz answers.
func readiness(ctx context.Context, s *process.Server) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/readyz", nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, strings.TrimSpace(string(body)), err
}

// lineWith returns the last line that has one of the texts, "" without one.
func lineWith(log string, texts ...string) string {
	last := ""
	for line := range strings.Lines(log) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				last = strings.TrimSpace(line)
			}
		}
	}
	return last
}
