package membership

import (
	"slices"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// maxVacant bounds how many seats a view keeps free.
const maxVacant = 32

// latest returns the latest view of the given nodes, this one included. A node that has
// just joined may be the one that proposes, and knows the seats only from the others.
func (m *Peers) latest(current *view.View, members []string) *view.View {
	for _, id := range members {
		if p := m.peers[id]; p != nil && p.last.View.ID.Compare(current.ID) > 0 {
			current = &p.last.View
		}
	}
	return current
}

// assign names the homes of a view and gives them their seats. A home keeps its seat. The
// seat of a home that drains goes to a member without one, or becomes vacant, because the
// node will soon be back under another id. In a rolling restart, a node that is back waits
// for the seat of the next node that drains, so the rooms move once. It takes a vacant seat
// if the view has not changed for SpareWait, or at once if more seats are vacant than
// occupied. If more nodes join than seats are vacant, the others get new seats, under their
// own ids.
func (m *Peers) assign(v, current *view.View, now time.Time) {
	if slices.ContainsFunc(v.Members, func(id string) bool { return !m.Reads(id, protocol.BriefVersion) }) {
		v.Homes = slices.DeleteFunc(slices.Clone(v.Members), func(id string) bool { return !m.mayBeHome(id) })
		if len(v.Homes) == 0 {
			v.Homes = v.Members
		}
		return
	}
	seats, taken := map[string]string{}, map[string]string{}
	for i, id := range current.Homes {
		taken[id] = current.SeatAt(i)
	}
	var left, spares []string
	for _, id := range v.Members {
		seat, home := taken[id]
		switch {
		case m.mayBeHome(id) && home:
			seats[id] = seat
		case m.mayBeHome(id):
			spares = append(spares, id)
		case home:
			left = append(left, seat)
		}
	}
	vacant, due := slices.Clone(current.Vacant), !m.viewSince.IsZero() && now.Sub(m.viewSince) >= protocol.SpareWait
	waiting := 0
	for _, id := range spares {
		switch {
		case len(left) > 0:
			seats[id], left = left[0], left[1:]
		case len(vacant) > 0 && (due || len(vacant) > len(seats)):
			seats[id], vacant = vacant[0], vacant[1:]
		case waiting >= len(vacant):
			seats[id] = id
		default:
			waiting++
		}
	}
	if len(seats) == 0 { // All drain. Nothing moves, unless there is no home at all.
		for _, id := range v.Members {
			if seat, home := taken[id]; home {
				seats[id] = seat
			}
		}
		if left = nil; len(seats) == 0 {
			for _, id := range v.Members {
				seats[id] = id
			}
			vacant = nil
		}
	}
	v.Vacant = append(vacant, left...)
	v.Vacant = v.Vacant[max(0, len(v.Vacant)-maxVacant):]
	own := true
	for _, id := range v.Members {
		if seat, home := seats[id]; home {
			v.Homes, v.Seats = append(v.Homes, id), append(v.Seats, seat)
			own = own && seat == id
		}
	}
	if own {
		v.Seats = nil
	}
}

// spare reports whether a member waits for a seat.
func (m *Peers) spare(v *view.View) bool {
	return len(v.Vacant) > 0 && slices.ContainsFunc(v.Members, func(id string) bool { return m.mayBeHome(id) && !v.IsHome(id) })
}

// mayBeHome reports whether a node does not drain.
func (m *Peers) mayBeHome(id string) bool {
	p := m.peers[id]
	return p != nil && p.last.Eligible || id == m.self && m.eligible
}
