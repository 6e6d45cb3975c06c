package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
)

// DeleteLoggingConfigurationInput is what DeleteLoggingConfiguration takes;
// Identifier, the ARN, is required.
type DeleteLoggingConfigurationInput struct {
	Identifier *string `json:"identifier"`
}

// DeleteLoggingConfigurationOutput has no members.
type DeleteLoggingConfigurationOutput struct{}

// DeleteLoggingConfiguration deletes a logging configuration. It is a Conflict while
// a room uses it.
func (s *Service) DeleteLoggingConfiguration(ctx context.Context, in *DeleteLoggingConfigurationInput) (*DeleteLoggingConfigurationOutput, error) {
	var v api.Violations
	arn := v.ARN("identifier", in.Identifier, chat.LoggingConfigurationResource)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.loggingConfiguration(ctx, "DeleteLoggingConfiguration", arn); err != nil {
		return nil, err
	}
	if err := s.Store.DeleteLoggingConfiguration(ctx, arn.ID); err != nil {
		return nil, err
	}
	return &DeleteLoggingConfigurationOutput{}, nil
}
