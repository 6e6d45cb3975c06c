// Package serverops has the operations on the server itself: facts, metrics, credentials.
// They are methods of Service, with their inputs and outputs.
package serverops

import (
	"context"

	"confab/internal/operation"
	"confab/internal/quota"
	"confab/internal/series"
)

// Options are what a Service needs. All fields are required.
type Options struct {
	Version     string
	Credentials Credentials
	// Nodes asks all nodes about themselves. It leaves out those that do not answer.
	Nodes func(ctx context.Context) []Node
	// Series asks all nodes for series of their metrics, and returns the sums.
	Series func(ctx context.Context, q *series.Query) []series.Series
	// Actions returns the IAM actions of all operations.
	Actions func() []string
	// Quotas are those that GetServer shows.
	Quotas *quota.Set
}

// Service serves the operations on the server itself.
type Service struct {
	*operation.Access
	o Options
}

// New makes a Service.
func New(access *operation.Access, o Options) *Service { return &Service{access, o} }

// Operations returns the operations.
func (s *Service) Operations() []operation.Operation {
	return []operation.Operation{
		operation.Describe("CreateCredentials", s.CreateCredentials),
		operation.Describe("DeleteCredentials", s.DeleteCredentials),
		operation.Describe("GetMetrics", s.GetMetrics),
		operation.Describe("GetServer", s.GetServer),
		operation.Describe("ListCredentials", s.ListCredentials),
	}
}
