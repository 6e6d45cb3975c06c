package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
)

// ListLoggingConfigurationsInput is what ListLoggingConfigurations takes.
// Nothing is required.
type ListLoggingConfigurationsInput struct {
	MaxResults *int32  `json:"maxResults"`
	NextToken  *string `json:"nextToken"`
}

// ListLoggingConfigurationsOutput is a page of logging configurations; NextToken
// is absent on the last one.
type ListLoggingConfigurationsOutput struct {
	LoggingConfigurations []*LoggingConfiguration `json:"loggingConfigurations"`
	NextToken             *string                 `json:"nextToken,omitzero"`
}

// ListLoggingConfigurations returns logging configurations, the most recently
// updated first.
func (s *Service) ListLoggingConfigurations(ctx context.Context, in *ListLoggingConfigurationsInput) (*ListLoggingConfigurationsOutput, error) {
	var v api.Violations
	limit, token := v.Page(in.MaxResults, in.NextToken)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := s.authorizeAny(ctx, "ListLoggingConfigurations", chat.LoggingConfigurationResource, iam.Keys{}); err != nil {
		return nil, err
	}
	configs, next, err := s.Store.ListLoggingConfigurations(ctx, limit, token)
	if err != nil {
		return nil, err
	}
	out := &ListLoggingConfigurationsOutput{LoggingConfigurations: make([]*LoggingConfiguration, len(configs)), NextToken: nextToken(next)}
	for i, c := range configs {
		out.LoggingConfigurations[i] = showLogging(c)
	}
	return out, nil
}
