package presence

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
)

// User is a user in a room.
type User struct {
	UserID      string
	Connections int
	// Since is when the oldest of the connections joined.
	Since time.Time
	// Newest is when the newest joined, whose attributes are Attributes. They must not be
	// changed.
	Newest     time.Time
	Attributes map[string]string
	// Capabilities are those of all connections together.
	Capabilities []chat.Capability
}

// add adds other connections of the same user.
func (u *User) add(other *User) {
	if u.Connections == 0 || other.Since.Before(u.Since) {
		u.Since = other.Since
	}
	if u.Connections == 0 || other.Newest.After(u.Newest) {
		u.Newest, u.Attributes = other.Newest, other.Attributes
	}
	u.Connections += other.Connections
	for _, c := range other.Capabilities {
		if !slices.Contains(u.Capabilities, c) {
			u.Capabilities = append(slices.Clip(u.Capabilities), c)
		}
	}
}

// usersQuestion asks for a page of the users of a room: the first Max after After.
type usersQuestion struct {
	Room  string `json:"room"`
	After string `json:"after,omitzero"`
	Max   int    `json:"max"`
}

// usersAnswer has More set if there are further users.
type usersAnswer struct {
	Users []User `json:"users,omitzero"`
	More  bool   `json:"more,omitzero"`
}

// mostUsers bounds what another node may ask for.
const mostUsers = 200

// Users returns a page of the users of a room over all nodes, ordered by their ids: at most
// limit users whose ids are greater than after. more reports whether there are others. A
// user who stays is on exactly one page. Nodes that do not answer are left out.
func (s *Service) Users(ctx context.Context, roomID, after string, limit int) (page []User, more bool) {
	q := usersQuestion{Room: roomID, After: after, Max: limit}
	own := s.usersHere(q)
	if s.AskOthers == nil {
		return own.Users, own.More
	}
	body, err := json.Marshal(question{Users: &q})
	if err != nil {
		return own.Users, own.More
	}
	answers, _ := s.AskOthers(ctx, body)
	all := map[string]*User{}
	own.addTo(all)
	more = own.More
	for _, b := range answers {
		var a usersAnswer
		if json.Unmarshal(b, &a) == nil {
			a.addTo(all)
			more = more || a.More
		}
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if len(page) == limit {
			return page, true
		}
		page = append(page, *all[id])
	}
	return page, more
}

func (a *usersAnswer) addTo(all map[string]*User) {
	for i := range a.Users {
		u := &a.Users[i]
		if before := all[u.UserID]; before != nil {
			before.add(u)
		} else {
			all[u.UserID] = u
		}
	}
}

// usersHere returns a page of the users on this node.
func (s *Service) usersHere(q usersQuestion) usersAnswer {
	limit := max(min(q.Max, mostUsers), 0)
	ids := s.sorted.of(s.Live, q.Room)
	from, found := slices.BinarySearch(ids, q.After)
	if found {
		from++
	}
	if q.After == "" {
		from = 0
	}
	ids = ids[from:]
	a := usersAnswer{More: len(ids) > limit}
	s.Live.EachSession(q.Room, ids[:min(len(ids), limit)], func(b *chat.Bearer, since time.Time) {
		if n := len(a.Users); n == 0 || a.Users[n-1].UserID != b.UserID {
			a.Users = append(a.Users, User{UserID: b.UserID})
		}
		a.Users[len(a.Users)-1].add(&User{Connections: 1, Since: since, Newest: since, Attributes: b.Attributes, Capabilities: b.Capabilities})
	})
	return a
}

// sorted are the ids of users of large rooms, which are sorted at most once a second.
type sorted struct {
	// mu guards byRoom.
	mu     sync.Mutex
	byRoom map[string]sortedUsers
}

type sortedUsers struct {
	since time.Time
	ids   []string
}

// sortAgain is the most users of a room whose ids are sorted for each page.
const sortAgain = 2000

func (s *sorted) of(live Live, roomID string) []string {
	now := time.Now()
	s.mu.Lock()
	maps.DeleteFunc(s.byRoom, func(_ string, u sortedUsers) bool { return now.Sub(u.since) >= countFor })
	u, ok := s.byRoom[roomID]
	s.mu.Unlock()
	if ok {
		return u.ids
	}
	ids, _ := live.UserIDs(roomID)
	slices.Sort(ids)
	if len(ids) > sortAgain {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.byRoom[roomID] = sortedUsers{now, ids}
	}
	return ids
}
