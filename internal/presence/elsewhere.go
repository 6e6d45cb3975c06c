package presence

import "context"

// Elsewhere has the users of a room on the other nodes.
type Elsewhere struct {
	Connections int
	users       map[uint64]struct{}
	leaving     map[uint64]struct{}
}

// Has reports whether the user is on another node, or has left it less than
// attendance.GoneAfter ago.
func (e Elsewhere) Has(userID string) bool {
	h := hash(userID)
	_, here := e.users[h]
	_, leaving := e.leaving[h]
	return here || leaving
}

// Besides returns how many users that are not in users are on other nodes.
func (e Elsewhere) Besides(userIDs []string) int {
	n := len(e.users)
	if n == 0 {
		return 0
	}
	for _, id := range userIDs {
		if _, both := e.users[hash(id)]; both {
			n--
		}
	}
	return n
}

// Elsewhere asks the other nodes for the users of rooms. Nodes that do not answer are left
// out.
func (s *Service) Elsewhere(ctx context.Context, roomIDs []string) map[string]Elsewhere {
	if s.AskOthers == nil || len(roomIDs) == 0 {
		return nil
	}
	all := make(map[string]Elsewhere, len(roomIDs))
	for len(roomIDs) > 0 {
		some := roomIDs[:min(len(roomIDs), mostAsked)]
		roomIDs = roomIDs[len(some):]
		said, _ := s.ask(ctx, question{Rooms: some, Leaving: true})
		for _, reports := range said {
			for id, r := range reports {
				e, ok := all[id]
				if !ok {
					e = Elsewhere{users: map[uint64]struct{}{}, leaving: map[uint64]struct{}{}}
				}
				for _, h := range r.Users {
					e.users[h] = struct{}{}
				}
				for _, h := range r.Leaving {
					e.leaving[h] = struct{}{}
				}
				e.Connections += r.Connections
				all[id] = e
			}
		}
	}
	return all
}
