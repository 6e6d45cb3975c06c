package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
)

// UpdateLoggingConfigurationInput is what UpdateLoggingConfiguration takes;
// Identifier, the ARN, is required.
type UpdateLoggingConfigurationInput struct {
	DestinationConfiguration *DestinationConfiguration `json:"destinationConfiguration"`
	Identifier               *string                   `json:"identifier"`
	Name                     *string                   `json:"name"`
}

// UpdateLoggingConfigurationOutput is the logging configuration as it is now.
type UpdateLoggingConfigurationOutput LoggingConfiguration

// UpdateLoggingConfiguration changes the members that are present in the request.
func (s *Service) UpdateLoggingConfiguration(ctx context.Context, in *UpdateLoggingConfigurationInput) (*UpdateLoggingConfigurationOutput, error) {
	var v api.Violations
	arn := v.ARN("identifier", in.Identifier, chat.LoggingConfigurationResource)
	v.Text("name", in.Name, nameRule)
	destination := checkDestination(&v, in.DestinationConfiguration)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.loggingConfiguration(ctx, "UpdateLoggingConfiguration", arn); err != nil {
		return nil, err
	}
	config, err := s.Store.UpdateLoggingConfiguration(ctx, arn.ID, func(c *chat.LoggingConfiguration) error {
		if in.Name != nil {
			c.Name = *in.Name
		}
		if in.DestinationConfiguration != nil {
			c.Destination = destination
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return (*UpdateLoggingConfigurationOutput)(showLogging(config)), nil
}
