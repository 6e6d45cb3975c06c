package presence

import "context"

// Elsewhere is who is in a room on the other nodes.
type Elsewhere struct {
	Connections int
	users       map[uint64]struct{}
	leaving     map[uint64]struct{}
}

// Has reports whether the user is on another node, or has left it a moment ago.
func (e Elsewhere) Has(userID string) bool {
	h := hash(userID)
	_, here := e.users[h]
	_, leaving := e.leaving[h]
	return here || leaving
}

// Besides returns how many users are on other nodes besides these.
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

// Elsewhere asks the other nodes who is in rooms. Nodes that do not answer are left out.
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
