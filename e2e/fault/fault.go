// Package fault breaks a cluster of three real nodes in every way that we know, again and
// again, while clients chat in it, and checks what they received by the rules of package
// history. "make fault" runs it and prints the table of docs/measurements/faults.md.
//
// It needs Linux, root for network namespaces, and the Debian packages postgresql, iproute2
// and nftables. Where namespaces or nftables are missing, the scenarios of the network are
// left out, and the run says so. A run that is killed leaves nodes behind; their data
// directories name them.
package fault

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"confab/internal/testbed/history"
)

// Row is a scenario's line of the table: the worst of its rounds.
type Row struct {
	Name, Keeps                  string
	Rounds, Violations           int
	Acknowledged, Unknown, Apart int
	Bans, Window                 int
	GaveUp, Moved                int
	Refused                      map[int]int
	Silence, Away, Healed        time.Duration
}

// Add adds a round.
func (r *Row) Add(h *history.History, report history.Report, over time.Duration) {
	m := history.Measure(h)
	r.Rounds++
	r.Violations += len(report.Violations)
	r.Acknowledged += m.Acknowledged
	r.Unknown += m.Unknown
	r.Apart += report.Apart
	r.Bans += m.Bans
	r.Window += report.Window
	r.GaveUp += len(h.GaveUp)
	r.Moved += m.Moved
	if r.Refused == nil {
		r.Refused = map[int]int{}
	}
	for code, n := range m.Refused {
		r.Refused[code] += n
	}
	r.Silence = max(r.Silence, m.Silence)
	r.Away = max(r.Away, m.Away)
	r.Healed = max(r.Healed, history.Healed(h, over))
}

// Table is the rows in Markdown.
func Table(rows []*Row) string {
	var b strings.Builder
	b.WriteString("| fault | what happens | rounds | acknowledged | no answer | refused | longest silence of a room | a client away at most | healed after | apart | bans | in their window | violations |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		if r.Rounds == 0 {
			continue
		}
		var refused []string
		for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
			refused = append(refused, fmt.Sprintf("%d × %d", r.Refused[code], code))
		}
		if r.GaveUp > 0 {
			refused = append(refused, fmt.Sprintf("%d clients gave up", r.GaveUp))
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %s | %s | %s | %s | %d | %d | %d | %d |\n", r.Name, r.Keeps, r.Rounds, r.Acknowledged, r.Unknown,
			strings.Join(refused, ", "), seconds(r.Silence), seconds(r.Away), seconds(r.Healed), r.Apart, r.Bans, r.Window, r.Violations)
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
