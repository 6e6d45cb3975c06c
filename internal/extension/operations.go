package extension

import (
	"cmp"
	"slices"
	"strings"

	"confab/internal/api"
	"confab/internal/operation"
)

// operations returns all operations, in the order of the documentation.
func (s *Service) operations() []operation.Operation {
	all := slices.Concat(s.rooms.Operations(), s.moderation.Operations(), s.webhooks.Operations(), s.server.Operations())
	slices.SortFunc(all, func(a, b operation.Operation) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return all
}

// Operations returns all operations for package api.
func (s *Service) Operations() []api.Operation {
	all := []api.Operation{s.rooms.RoomMessages()}
	for _, o := range s.operations() {
		all = append(all, o.Operation)
	}
	return all
}

// Actions returns the IAM actions of all operations, and those that some of them need as
// well.
func (s *Service) Actions() []string {
	all := []string{"confab:ConfigureRoom", "confab:ReadModerated", "confab:SkipReview"}
	for _, o := range s.operations() {
		all = append(all, "confab:"+o.Name)
	}
	slices.Sort(all)
	return all
}
