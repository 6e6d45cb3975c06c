package serverops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/iam"
	"confab/internal/messaging"
	"confab/internal/quota"
	"confab/internal/webhook"
)

// GetServerInput has no members.
type GetServerInput struct{}

// GetServerOutput is facts about the server.
type GetServerOutput struct {
	// The version of the node that answers.
	Version string `json:"version"`
	// The AWS account of all ARNs.
	AccountID string `json:"accountId"`
	// The AWS region of all ARNs.
	Region string `json:"region"`
	// The features that Confab adds to IVS Chat and that are on.
	Extensions []string `json:"extensions"`
	// All nodes that answer, by their names.
	Nodes []Node `json:"nodes"`
	// The limits in force, by their names: of rooms and connections, and the account's
	// quotas that are set.
	Limits map[string]int `json:"limits"`
	// The actions that the caller is allowed on every room, in the form that policies
	// have: ivschat:SendEvent.
	AllowedActions []string `json:"allowedActions"`
}

// Node is one node of the server.
type Node struct {
	// The node's name; empty for a single server.
	Name string `json:"name"`
	// The version of Confab that the node runs.
	Version string `json:"version"`
	// How many WebSocket connections the node has.
	Connections int `json:"connections"`
	// How many live rooms have their home on the node.
	HomeRooms int `json:"homeRooms"`
	// Whether load balancers may send clients to the node.
	Ready bool `json:"ready"`
}

// GetServer returns facts about the server itself: its version, its nodes, its limits, and
// the actions that the caller is allowed.
func (s *Service) GetServer(ctx context.Context, _ *GetServerInput) (*GetServerOutput, error) {
	call := iam.CallFrom(ctx)
	server := chat.ARN{Region: s.Region, Account: s.Account}
	if err := call.Authorize("confab:GetServer", server, iam.Keys{}); err != nil {
		return nil, err
	}
	out := &GetServerOutput{
		Version: s.o.Version, AccountID: s.Account, Region: s.Region,
		Extensions: []string{"bans", "catch-up", "content-filters", "credentials", "delete-user-messages", "erase-user", "history", "moderation-log", "modes", "presence", "send-message", "signers", "webhooks"},
		Nodes:      s.o.Nodes(ctx),
		Limits: map[string]int{
			"maximumMessageLength":               chat.MaxMessageLength,
			"maximumMessageRatePerSecond":        chat.MaxMessageRate,
			"requestsPerSecondPerConnection":     messaging.RequestsPerSecond,
			"attributesSize":                     chat.MaxAttributes,
			"maximumWebhooks":                    webhook.Most,
			"maximumHistoryOnJoin":               chat.MaxHistoryOnJoin,
			"loggingConfigurationsPerRoom":       chat.MaxRoomLogging,
			"contentFiltersPerRoom":              contentfilter.MaxInScope,
			"contentFilters":                     contentfilter.MaxFilters,
			"contentFilterTerms":                 contentfilter.MaxTerms,
			"tagsPerResource":                    chat.MaxTags,
			"maximumSessionDurationInMinutes":    int(chat.MaxSession.Minutes()),
			"defaultSessionDurationInMinutes":    int(chat.DefaultSession.Minutes()),
			"defaultMaximumMessageRatePerSecond": chat.DefaultMessageRate,
		},
	}
	for name := range quota.AWSNumbers() {
		if limit := s.o.Quotas.Limit(name); limit > 0 {
			out.Limits[string(name)] = limit
		}
	}
	for _, action := range s.o.Actions() {
		if call.Authorize(action, s.EveryRoom(), iam.Keys{}) == nil {
			out.AllowedActions = append(out.AllowedActions, action)
		}
	}
	return out, nil
}
