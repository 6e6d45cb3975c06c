//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

func ms(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
}

// median returns the sample in the middle, by its ratio to the floor.
func (b *bench) median(s *scenario, target string) (sample, bool) {
	all := slices.Clone(b.results[key{s.name, target}])
	all = slices.DeleteFunc(all, func(x sample) bool { return x.err != nil && x.delivery == 0 })
	if len(all) == 0 {
		return sample{}, false
	}
	slices.SortFunc(all, func(x, y sample) int {
		switch {
		case x.ratio(s) < y.ratio(s):
			return -1
		case x.ratio(s) > y.ratio(s):
			return 1
		}
		return 0
	})
	return all[len(all)/2], true
}

// rows are the servers in the order of the table.
func (b *bench) rows() []string {
	names := []string{"floor write", "floor batch", "floor pace 50", "floor pace 100"}
	for _, t := range b.targets {
		if !slices.Contains(names, t.name) {
			names = append(names, t.name)
		}
	}
	return names
}

// print writes the table, as Markdown.
func (b *bench) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s.\n\nCPU µs per delivery (times the floor beside it); p50/p99 where a rate is given.\n\n", b.limit)
	head, line := []string{"server"}, []string{"---"}
	for _, s := range b.scenarios {
		head, line = append(head, s.title), append(line, "---")
		if s.idle {
			head[len(head)-1] = "KiB idle"
			head, line = append(head, "CPU µs/connect"), append(line, "---")
		}
	}
	writeRow(w, head)
	writeRow(w, line)
	for _, name := range b.rows() {
		row, any := []string{name}, false
		for _, s := range b.scenarios {
			x, ok := b.median(s, name)
			any = any || ok
			row = append(row, cells(s, x, ok)...)
		}
		if any {
			writeRow(w, row)
		}
	}
	b.printPeers(w)
}

func writeRow(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

// cells are a server's figures for a scenario.
func cells(s *scenario, x sample, ok bool) []string {
	switch {
	case !ok && s.idle:
		return []string{"", ""}
	case !ok:
		return []string{""}
	case s.idle:
		return []string{fmt.Sprintf("%.2f", x.idle), fmt.Sprintf("%.0f", x.connect)}
	case s.flight > 1:
		return []string{fmt.Sprintf("%.0fk (%.2f); CPU %.2f", x.perSecond/1e3, x.ratio(s), x.delivery)}
	case s.drowns && x.perSecond < 0.95*float64(s.rate*s.rooms*s.members):
		return []string{fmt.Sprintf("drowns at %.0fk/s", x.perSecond/1e3)}
	case s.drowns:
		return []string{fmt.Sprintf("%.2f of the core, %.2f (%.2f), %s/%s", x.share, x.delivery, x.ratio(s), ms(x.p50), ms(x.p99))}
	case s.rate > 0:
		return []string{fmt.Sprintf("%.2f (%.2f), %s/%s", x.delivery, x.ratio(s), ms(x.p50), ms(x.p99))}
	default:
		return []string{fmt.Sprintf("%.2f (%.2f)", x.delivery, x.ratio(s))}
	}
}

// printPeers writes what Confab needs of what each other server needs.
func (b *bench) printPeers(w io.Writer) {
	fmt.Fprintf(w, "\nWhat Confab needs for what each of the others needs 1.00 for; where deliveries a second are measured, how much less time it takes.\n\n")
	head, line := []string{"beside"}, []string{"---"}
	for _, s := range b.scenarios {
		head, line = append(head, s.title), append(line, "---")
	}
	writeRow(w, head)
	writeRow(w, line)
	for _, t := range b.targets {
		if !t.peer {
			continue
		}
		row := []string{t.name}
		for _, s := range b.scenarios {
			ours, ok := b.median(s, "confab")
			theirs, also := b.median(s, t.name)
			switch {
			case !ok || !also:
				row = append(row, "")
			case s.flight > 1:
				row = append(row, fmt.Sprintf("%.2f", theirs.ratio(s)/ours.ratio(s)))
			case s.idle:
				row = append(row, fmt.Sprintf("%.2f; connect %.2f", ours.idle/theirs.idle, ours.ratio(s)/theirs.ratio(s)))
			default:
				row = append(row, fmt.Sprintf("%.2f", ours.ratio(s)/theirs.ratio(s)))
			}
		}
		writeRow(w, row)
	}
}
