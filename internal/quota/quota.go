// Package quota has the service quotas of IVS Chat: named limits, and token buckets that
// enforce rates.
//
// The numbers are those of the page "Service Quotas" of the IVS Chat user guide, per
// account and region. Limits of one room or one connection are not here: they always
// apply, and are defined where they are enforced.
package quota

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Name is the name of a quota.
type Name string

// Quotas on the number of resources.
const (
	Rooms                 Name = "Rooms"
	LoggingConfigurations Name = "Logging configurations"
	ConcurrentConnections Name = "Concurrent chat connections"
)

// Quotas on messaging requests per second, in all rooms, over HTTP and
// WebSocket together.
const (
	SendMessage    Name = "Rate of SendMessage requests across all your rooms"
	DeleteMessage  Name = "Rate of DeleteMessage requests across all your rooms"
	DisconnectUser Name = "Rate of DisconnectUser requests across all your rooms"
)

// Calls returns the quota on calls of one operation of the API per second.
func Calls(operation string) Name { return Name("Rate of " + operation + " API calls") }

// Numbers maps quotas to their limits. A quota that is missing, or 0, is unlimited.
type Numbers map[Name]int

// awsCalls are the API call rates of the user guide, by operation.
var awsCalls = map[string]int{
	"CreateChatToken": 200, "SendEvent": 100, "DeleteMessage": 100, "DisconnectUser": 100,
	"CreateRoom": 5, "DeleteRoom": 5, "GetRoom": 5, "ListRooms": 5, "UpdateRoom": 5,
	"CreateLoggingConfiguration": 3, "DeleteLoggingConfiguration": 3, "GetLoggingConfiguration": 3,
	"ListLoggingConfigurations": 3, "UpdateLoggingConfiguration": 3,
	"ListTagsForResource": 10, "TagResource": 10, "UntagResource": 10,
}

// AWSNumbers returns the defaults of an AWS account.
func AWSNumbers() Numbers {
	n := Numbers{
		Rooms: 50000, LoggingConfigurations: 10, ConcurrentConnections: 50000,
		SendMessage: 1000, DeleteMessage: 100, DisconnectUser: 100,
	}
	for operation, rate := range awsCalls {
		n[Calls(operation)] = rate
	}
	return n
}

// Known reports whether there is a quota with that name.
func Known(name Name) bool {
	_, ok := AWSNumbers()[name]
	return ok
}

// Set is the quotas of one account, as one node sees them. Its methods may be
// called from any goroutine.
type Set struct {
	now    func() time.Time
	limits Numbers           // never changed
	rates  map[Name]*guarded // never changed
	lender Lender            // nil for a node on its own; see Share
}

// guarded is a shared bucket.
type guarded struct {
	mu     sync.Mutex
	bucket Bucket // guarded by mu
	loan   loan
}

// New returns a set of the given limits; now is its clock.
func New(numbers Numbers, now func() time.Time) *Set {
	s := &Set{now: now, limits: maps.Clone(numbers), rates: make(map[Name]*guarded, len(numbers))}
	for name, limit := range numbers {
		s.rates[name] = &guarded{bucket: NewBucket(limit)}
	}
	return s
}

// Off returns a set without limits.
func Off() *Set { return New(nil, time.Now) }

// Limit returns the limit of a quota; 0 means unlimited.
func (s *Set) Limit(name Name) int { return s.limits[name] }

// Allow counts one request against a rate and reports whether it may pass. A refused
// request is not counted. It may ask another node; see Share.
func (s *Set) Allow(ctx context.Context, name Name) bool {
	g := s.rates[name]
	if g == nil || s.limits[name] <= 0 {
		return true
	}
	if s.lender != nil {
		return s.borrow(ctx, name, g)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bucket.Allow(s.now())
}

// GiveBack undoes one granted Allow.
func (s *Set) GiveBack(name Name) {
	g := s.rates[name]
	if g == nil {
		return
	}
	if s.lender != nil {
		g.loan.giveBack()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bucket.GiveBack()
}
