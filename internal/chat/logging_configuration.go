package chat

import "time"

// LoggingState is the state of a logging configuration. Only ACTIVE ones log.
type LoggingState string

// The states of the API model.
const (
	LoggingCreating     LoggingState = "CREATING"
	LoggingCreateFailed LoggingState = "CREATE_FAILED"
	LoggingDeleting     LoggingState = "DELETING"
	LoggingDeleteFailed LoggingState = "DELETE_FAILED"
	LoggingUpdating     LoggingState = "UPDATING"
	LoggingUpdateFailed LoggingState = "UPDATE_FAILED"
	LoggingActive       LoggingState = "ACTIVE"
)

// DestinationType is the service of a destination.
type DestinationType string

// The three destinations.
const (
	S3             DestinationType = "s3"
	CloudWatchLogs DestinationType = "cloudWatchLogs"
	Firehose       DestinationType = "firehose"
)

// Destination is where chat is logged to.
type Destination struct {
	Type DestinationType
	// Name is the bucket, the log group or the delivery stream.
	Name string
}

// LoggingConfiguration is where rooms log their chat. Many rooms can use one.
type LoggingConfiguration struct {
	ARN         ARN
	Name        string
	CreateTime  time.Time
	UpdateTime  time.Time
	Destination Destination
	State       LoggingState
	Tags        map[string]string
}
