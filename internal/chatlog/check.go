package chatlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"confab/internal/chat"
)

// CheckRoom is the room id in Check's test record. No real room has it: ids of rooms
// are letters and digits.
const CheckRoom = "confab-check"

// Check writes one test record to the destination, as a server with the same options
// would, and returns its place. The record has the type EVENT and the event name
// confab:LOGGING_CHECK. An error says what to change. The intervals, the transcript and
// the metrics of o are not used.
func Check(ctx context.Context, o Options, d chat.Destination) (place string, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := newClients(&o)
	now := o.Now().UTC()
	event := chat.Event{ID: chat.NewID(), Name: "confab:LOGGING_CHECK", Attributes: map[string]string{}, SendTime: now}
	p := &parcel{
		backlog: Backlog{RoomID: CheckRoom},
		records: []Record{{Position: 1, Time: now, Type: chat.EventFrame, JSON: event.AppendJSON(nil)}},
		key:     objectKey(o.Account, o.Region, CheckRoom, now),
	}
	out := c.destination(&o, d)
	if err := out.deliver(ctx, []*parcel{p}); err != nil {
		return "", explain(err, d, o.Region)
	}
	if n := p.refused(); n > 0 {
		return "", errors.New("the destination refused the record as too old; check the clock of this machine and the retention of the log group")
	}
	switch d.Type {
	case chat.S3:
		place = "s3://" + d.Name + "/" + p.key
	case chat.CloudWatchLogs:
		place = "log group " + d.Name + ", stream " + streamName(CheckRoom)
	default:
		place = "delivery stream " + d.Name
	}
	if o.LocalDir != "" {
		place += ", below " + o.LocalDir
	}
	return place, nil
}

// explain adds to an error what an operator can do about it.
func explain(err error, d chat.Destination, region string) error {
	what := map[chat.DestinationType]string{chat.S3: "bucket", chat.CloudWatchLogs: "log group", chat.Firehose: "delivery stream"}[d.Type]
	needs := map[chat.DestinationType]string{
		chat.S3:             "s3:PutObject",
		chat.CloudWatchLogs: "logs:CreateLogStream and logs:PutLogEvents",
		chat.Firehose:       "firehose:PutRecordBatch",
	}[d.Type]
	switch causeOf(err) {
	case denied:
		return fmt.Errorf("access to the %s %q is denied; the credentials of this process need %s: %w", what, d.Name, needs, err)
	case missing:
		return fmt.Errorf("the %s %q does not exist in %s; make it, or update the logging configuration: %w", what, d.Name, region, err)
	case otherCause:
	}
	return fmt.Errorf("cannot write to the %s %q: %w", what, d.Name, err)
}
