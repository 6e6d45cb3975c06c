package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/quota"
)

// CreateLoggingConfigurationInput is what CreateLoggingConfiguration takes;
// DestinationConfiguration is required.
type CreateLoggingConfigurationInput struct {
	DestinationConfiguration *DestinationConfiguration `json:"destinationConfiguration"`
	Name                     *string                   `json:"name"`
	Tags                     map[string]string         `json:"tags"`
}

// CreateLoggingConfigurationOutput is the new logging configuration.
type CreateLoggingConfigurationOutput LoggingConfiguration

// CreateLoggingConfiguration makes a logging configuration, which is ACTIVE at once.
// Its destination is first checked when chat is delivered there.
func (s *Service) CreateLoggingConfiguration(ctx context.Context, in *CreateLoggingConfigurationInput) (*CreateLoggingConfigurationOutput, error) {
	var v api.Violations
	if in.DestinationConfiguration == nil {
		v.Add("destinationConfiguration", "is required")
	}
	config := &chat.LoggingConfiguration{
		ARN:         s.newARN(chat.LoggingConfigurationResource),
		Name:        v.Text("name", in.Name, nameRule),
		Destination: checkDestination(&v, in.DestinationConfiguration),
		State:       chat.LoggingActive,
		Tags:        in.Tags,
	}
	checkTags(&v, in.Tags)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := s.authorizeCreate(ctx, "CreateLoggingConfiguration", chat.LoggingConfigurationResource, in.Tags); err != nil {
		return nil, err
	}
	if err := s.Store.CreateLoggingConfiguration(ctx, config, s.Quotas.Limit(quota.LoggingConfigurations)); err != nil {
		return nil, err
	}
	return (*CreateLoggingConfigurationOutput)(showLogging(config)), nil
}
