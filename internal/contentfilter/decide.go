package contentfilter

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"confab/internal/filter"
)

// Decision is what the filters of a room do with a message.
type Decision struct {
	// Action is that of the strongest filter that matches; empty if none does.
	Action Action
	// Filter is the name of that filter, and Message its message.
	Filter, Message string
	// Content is what is delivered: masked, if a filter with Mask matches.
	Content string
	// Flagged are the names of the filters with the action Flag that match.
	Flagged []string
}

// Match is where a rule of a filter matches a message.
type Match struct {
	filter.Match
	Filter string
}

// Any reports whether a room has filters, its own or those of every room.
func (f *Filters) Any(roomID string) bool {
	every, own := f.rules.Load().of(roomID)
	return len(every)+len(own) > 0
}

// Decide returns what the filters of a room do with a message, and counts the hits. In a
// room without filters it costs one map lookup.
func (f *Filters) Decide(roomID, content string) (d Decision) {
	d.Content = content
	every, own := f.rules.Load().of(roomID)
	if len(every)+len(own) == 0 {
		return d
	}
	began := time.Now()
	t := filter.NewText(content)
	defer t.Release()
	var masked []filter.Match
	for l := range byAction(every, own) {
		if d.Action == Deny {
			break // The other filters do not matter then.
		}
		n := len(masked)
		if l.Action == Mask {
			l.matcher.Find(t, func(at filter.Match) bool {
				masked = append(masked, at)
				return true
			})
		}
		if l.Action == Mask && len(masked) == n || l.Action != Mask && !l.matcher.Matches(t) {
			continue
		}
		f.metrics.Hits.WithLabelValues(string(l.Action)).Inc()
		if l.Action == Flag {
			d.Flagged = append(d.Flagged, l.Name)
		}
		if d.Action == "" {
			d.Action, d.Filter, d.Message = l.Action, l.Name, cmp.Or(l.Message, DefaultMessage)
		}
	}
	d.Content = filter.Mask(content, masked)
	f.metrics.Duration.Observe(time.Since(began).Seconds())
	return d
}

// byAction iterates over the filters of a room, the strongest action first.
func byAction(every, own []*live) func(yield func(*live) bool) {
	return func(yield func(*live) bool) {
		for _, action := range Actions {
			for _, some := range [][]*live{every, own} {
				for _, l := range some {
					if l.Action == action && !yield(l) {
						return
					}
				}
			}
		}
	}
}

// mostMatches bounds what Explain returns.
const mostMatches = 1000

// Explain returns the same Decision as Decide, and each match, ordered by its start. It
// counts no hits.
func (f *Filters) Explain(roomID, content string) (d Decision, all []Match) {
	d.Content = content
	t := filter.NewText(content)
	defer t.Release()
	var masked []filter.Match
	every, own := f.rules.Load().of(roomID)
	for l := range byAction(every, own) {
		matches := false
		l.matcher.Find(t, func(at filter.Match) bool {
			matches = true
			if l.Action == Mask {
				masked = append(masked, at)
			}
			if m := (Match{Match: at, Filter: l.Name}); len(all) < mostMatches && !slices.Contains(all, m) {
				all = append(all, m)
			}
			return true
		})
		if matches && d.Action == "" {
			d.Action, d.Filter, d.Message = l.Action, l.Name, cmp.Or(l.Message, DefaultMessage)
		}
		if matches && l.Action == Flag {
			d.Flagged = append(d.Flagged, l.Name)
		}
	}
	d.Content = filter.Mask(content, masked)
	slices.SortStableFunc(all, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), strings.Compare(a.Filter, b.Filter))
	})
	return d, all
}
