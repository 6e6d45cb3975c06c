package nats

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// refusedFor is how long a refusal counts. A refused node retries about every second,
// so an older refusal is over.
const refusedFor = 10 * time.Second

// errSecret is the reason why nodes that form a NATS cluster refuse each other.
var errSecret = errors.New("this node and others refuse each other, because their cluster secrets differ: " +
	"give all nodes the same (--cluster-secret-file or CONFAB_CLUSTER_SECRET)")

// The log lines of the embedded server when another node refuses its route, and when it
// refuses another node's. The log is the only source of this. A client that does not
// try to log in as a node does not match.
var (
	routeRefused = regexp.MustCompile(`^(\S+) - rid:\d+ - Route Error 'Authorization Violation'`)
	nodeRefused  = regexp.MustCompile(`rid:\d+ - authentication error - User "` + routeUser + `"`)
)

// refusals are the recent ones.
type refusals struct {
	// mu guards all fields.
	mu sync.Mutex
	// routes has when the node at each address last refused this one. nodes is when
	// this one last refused another.
	routes map[string]time.Time
	nodes  time.Time
	// login is why an existing NATS refuses this node, and loginAt the last time.
	login   error
	loginAt time.Time
}

// logged records an error that the embedded server logs.
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

// loggedIn records whether an existing NATS accepts this node: nil, or the reason for
// the refusal. It reports whether that is news.
func (r *refusals) loggedIn(err error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	news = r.login == nil || now.Sub(r.loginAt) > refusedFor
	r.login, r.loginAt = err, now
	return news
}

// refused reports whether an error is NATS's refusal of the credentials.
func refused(err error) bool {
	for _, auth := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, auth) {
			return true
		}
	}
	return false
}

// Refused returns why other nodes or NATS refuse this node, and what to change, or nil.
// It ignores those that accept it, so call it when no peer is reachable.
//
// When nodes refuse each other, it is unknown which one has the wrong secret. A node
// that has met others has, or had, their secret. It continues while a single node
// refuses it, so that a new node with a wrong secret stops no other node. It reports an
// error when two refuse it.
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
