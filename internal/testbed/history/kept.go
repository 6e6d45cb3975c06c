package history

import "fmt"

// kept checks what a node answers about the messages that a room keeps, after the run. They are
// messages that were sent and not refused, in the order in which clients got them, each once, and
// without those that were deleted. Every acknowledged message that was not asked to be
// deleted is there.
func (r *room) kept(messages []Frame, o Options) []Violation {
	g := newGraph(r.connections)
	position, cycle := g.sort()
	if cycle != nil {
		return nil // order reports it.
	}
	f := firsts{graph: g, position: position, onJoin: len(messages)}
	f.messages, f.unknown = r.messages()
	all := &Connection{First: messages, Opened: StillOpen}
	problems := append(f.wrong(all), f.disorder(all)...)
	there := map[string]bool{}
	for _, m := range messages {
		there[m.ID] = true
	}
	for id, m := range f.messages {
		switch deleted := len(m.deletions) > 0; {
		case there[id] && deleted:
			problems = append(problems, "has "+id+", which was deleted")
		case !there[id] && m.acknowledged && m.deleting == StillOpen && !o.MayLackHistory:
			problems = append(problems, "does not have "+id)
		}
	}
	violations := make([]Violation, len(problems))
	for i, p := range problems {
		violations[i] = Violation{Rule: HistoryKept, Detail: fmt.Sprintf("the list of %d messages %s", len(messages), p)}
	}
	return violations
}
