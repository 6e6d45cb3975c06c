package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
)

// GetLoggingConfigurationInput is what GetLoggingConfiguration takes;
// Identifier, the ARN, is required.
type GetLoggingConfigurationInput struct {
	Identifier *string `json:"identifier"`
}

// GetLoggingConfigurationOutput is the logging configuration.
type GetLoggingConfigurationOutput LoggingConfiguration

// GetLoggingConfiguration returns a logging configuration.
func (s *Service) GetLoggingConfiguration(ctx context.Context, in *GetLoggingConfigurationInput) (*GetLoggingConfigurationOutput, error) {
	var v api.Violations
	arn := v.ARN("identifier", in.Identifier, chat.LoggingConfigurationResource)
	if err := v.Err(); err != nil {
		return nil, err
	}
	config, err := s.loggingConfiguration(ctx, "GetLoggingConfiguration", arn)
	if err != nil {
		return nil, err
	}
	return (*GetLoggingConfigurationOutput)(showLogging(config)), nil
}
