package places

import (
	"slices"
	"sync"
	"time"

	"confab/internal/catchup"
)

// erasures are the users whose messages were erased recently. Frames from other nodes that
// were sent before the erasure reached them may still have these messages.
type erasures struct {
	mu     sync.Mutex // guards recent, and is held while frames enter a log
	recent []erasure
}

type erasure struct {
	roomID string // empty for all rooms
	userID string
	at     time.Time
}

// eraseFor is longer than an erasure on all nodes takes, together with the time for which
// frames are on their way.
const eraseFor = 10 * time.Second

// Erase must be called before messages of a user are erased from the log of a room, or of
// all rooms for "". For 10 seconds, frames of the user that other nodes still send are not
// added to the logs.
func (s *Service) Erase(roomID, userID string) {
	e := &s.erasures
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recent = slices.DeleteFunc(e.recent, func(one erasure) bool { return now.Sub(one.at) > eraseFor })
	e.recent = append(e.recent, erasure{roomID, userID, now})
}

// without calls add with pages of a room's frames, after it has removed recently erased
// messages from them. An erasure that begins meanwhile waits until add has put them into
// the log.
func (e *erasures) without(roomID string, pages []catchup.Page, add func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.recent {
		if (one.roomID == "" || one.roomID == roomID) && time.Since(one.at) <= eraseFor {
			for i := range pages {
				pages[i].Erase(one.userID)
			}
		}
	}
	add()
}
