package nats

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// refusedFor is how long a refusal counts. Who is refused tries again every
// second or so, so that one that is older is over.
const refusedFor = 10 * time.Second

// errSecret is why nodes that form a NATS cluster refuse each other.
var errSecret = errors.New("this node and others refuse each other, because their cluster secrets differ: " +
	"give all nodes the same (--cluster-secret-file or CONFAB_CLUSTER_SECRET)")

// What the server inside logs when another node refuses its route, and when it
// refuses that of another node: it tells nobody else. Whoever does not even try to
// log in as a node is no node, and not meant.
var (
	routeRefused = regexp.MustCompile(`^(\S+) - rid:\d+ - Route Error 'Authorization Violation'`)
	nodeRefused  = regexp.MustCompile(`rid:\d+ - authentication error - User "` + routeUser + `"`)
)

// refusals are those of late.
type refusals struct {
	// mu guards all fields.
	mu sync.Mutex
	// routes has when the nodes at these addresses last refused this one, and
	// nodes when this one last refused another.
	routes map[string]time.Time
	nodes  time.Time
	// login is why an existing NATS refuses this node, and loginAt when it last did.
	login   error
	loginAt time.Time
}

// logged takes note of what the server inside logs as an error.
func (r *refusals) logged(text string) {
	by := routeRefused.FindStringSubmatch(text)
	if by == nil && !nodeRefused.MatchString(text) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if by == nil {
		r.nodes = now
		return
	}
	if r.routes == nil {
		r.routes = map[string]time.Time{}
	}
	for address, at := range r.routes {
		if now.Sub(at) > refusedFor {
			delete(r.routes, address)
		}
	}
	r.routes[by[1]] = now
}

// loggedIn takes note that an existing NATS takes this node, with nil, or why it
// does not. It says whether that is news.
func (r *refusals) loggedIn(err error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	news = r.login == nil || now.Sub(r.loginAt) > refusedFor
	r.login, r.loginAt = err, now
	return news
}

// refused says whether an error is NATS's answer to credentials.
func refused(err error) bool {
	for _, auth := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, auth) {
			return true
		}
	}
	return false
}

// Refused says why nobody lets this node in, and what to change, or returns nil.
// It says nothing of those who do: ask when nobody is heard.
//
// Of nodes that refuse each other nobody can tell which one is wrong. One that has
// met others has, or had, their secret: it goes on while a single node refuses it,
// so that a new node with a wrong secret stops nobody, and gives way to two.
func (c *Conn) Refused(met bool) error {
	r := &c.refusals
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.login != nil && now.Sub(r.loginAt) <= refusedFor {
		return fmt.Errorf("NATS refuses this node (%w): change --nats-credentials", r.login)
	}
	by := 0
	for _, at := range r.routes {
		if now.Sub(at) <= refusedFor {
			by++
		}
	}
	if by > 1 || !met && (by > 0 || now.Sub(r.nodes) <= refusedFor) {
		return errSecret
	}
	return nil
}
