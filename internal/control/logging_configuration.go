package control

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/api"
	"confab/internal/chat"
)

// DestinationConfiguration is where chat is logged: a union with exactly one set
// member.
type DestinationConfiguration struct {
	CloudWatchLogs *CloudWatchLogsDestinationConfiguration `json:"cloudWatchLogs,omitzero"`
	Firehose       *FirehoseDestinationConfiguration       `json:"firehose,omitzero"`
	S3             *S3DestinationConfiguration             `json:"s3,omitzero"`
}

// CloudWatchLogsDestinationConfiguration is a log group in CloudWatch Logs.
type CloudWatchLogsDestinationConfiguration struct {
	LogGroupName *string `json:"logGroupName,omitzero"`
}

// FirehoseDestinationConfiguration is a delivery stream of Data Firehose.
type FirehoseDestinationConfiguration struct {
	DeliveryStreamName *string `json:"deliveryStreamName,omitzero"`
}

// S3DestinationConfiguration is a bucket in S3.
type S3DestinationConfiguration struct {
	BucketName *string `json:"bucketName,omitzero"`
}

var errUnion = errors.New("must have exactly one member: cloudWatchLogs, firehose or s3")

// UnmarshalJSONFrom reads a union by the rules of restJson1: null members count as
// absent, and unknown members are not ignored here.
func (d *DestinationConfiguration) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type known DestinationConfiguration
	var u struct {
		Known  known                     `json:",embed"`
		Others map[string]jsontext.Value `json:",embed"`
	}
	if err := json.UnmarshalDecode(dec, &u); err != nil {
		return err
	}
	*d = DestinationConfiguration(u.Known)
	for _, v := range u.Others {
		if v.Kind() != jsontext.KindNull {
			return errUnion
		}
	}
	if d.members() != 1 {
		return errUnion
	}
	return nil
}

func (d *DestinationConfiguration) members() int {
	n := 0
	for _, set := range []bool{d.CloudWatchLogs != nil, d.Firehose != nil, d.S3 != nil} {
		if set {
			n++
		}
	}
	return n
}

// checkDestination checks a destination and returns it. It may be absent.
func checkDestination(v *api.Violations, d *DestinationConfiguration) chat.Destination {
	switch {
	case d == nil:
		return chat.Destination{}
	case d.members() != 1:
		v.Add("destinationConfiguration", "%v", errUnion)
		return chat.Destination{}
	case d.CloudWatchLogs != nil:
		return chat.Destination{Type: chat.CloudWatchLogs, Name: v.Required("logGroupName", d.CloudWatchLogs.LogGroupName, logGroupNameRule)}
	case d.Firehose != nil:
		return chat.Destination{Type: chat.Firehose, Name: v.Required("deliveryStreamName", d.Firehose.DeliveryStreamName, deliveryStreamRule)}
	default:
		return chat.Destination{Type: chat.S3, Name: v.Required("bucketName", d.S3.BucketName, bucketNameRule)}
	}
}

func showDestination(d chat.Destination) *DestinationConfiguration {
	switch d.Type {
	case chat.CloudWatchLogs:
		return &DestinationConfiguration{CloudWatchLogs: &CloudWatchLogsDestinationConfiguration{LogGroupName: &d.Name}}
	case chat.Firehose:
		return &DestinationConfiguration{Firehose: &FirehoseDestinationConfiguration{DeliveryStreamName: &d.Name}}
	default:
		return &DestinationConfiguration{S3: &S3DestinationConfiguration{BucketName: &d.Name}}
	}
}

// LoggingConfiguration is a logging configuration as operations and the list
// return it.
type LoggingConfiguration struct {
	ARN                      *string                   `json:"arn,omitzero"`
	CreateTime               *string                   `json:"createTime,omitzero"`
	DestinationConfiguration *DestinationConfiguration `json:"destinationConfiguration,omitzero"`
	ID                       *string                   `json:"id,omitzero"`
	Name                     *string                   `json:"name,omitzero"`
	State                    *string                   `json:"state,omitzero"`
	Tags                     map[string]string         `json:"tags,omitzero"`
	UpdateTime               *string                   `json:"updateTime,omitzero"`
}

func showLogging(c *chat.LoggingConfiguration) *LoggingConfiguration {
	l := &LoggingConfiguration{
		ARN:                      new(c.ARN.String()),
		CreateTime:               new(chat.FormatTime(c.CreateTime)),
		DestinationConfiguration: showDestination(c.Destination),
		ID:                       new(c.ARN.ID),
		State:                    new(string(c.State)),
		Tags:                     tagsOrEmpty(c.Tags),
		UpdateTime:               new(chat.FormatTime(c.UpdateTime)),
	}
	if c.Name != "" {
		l.Name = &c.Name
	}
	return l
}
