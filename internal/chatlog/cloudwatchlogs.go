package chatlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// logGroup is a destination in CloudWatch Logs. Each room has a log stream in it.
type logGroup struct {
	client *cloudwatchlogs.Client
	name   string
	now    func() time.Time
}

// streamName returns the log stream of a room (IVS Chat user guide, "Chat Logging").
func streamName(roomID string) string { return "aws/IVSChatLogs/1.0/room_" + roomID }

// The limits of PutLogEvents (CloudWatch Logs API reference): 1 MiB, counting
// 26 bytes for each event; 10,000 events; 24 hours from the first to the last.
func (g *logGroup) limits() limits {
	return limits{records: 10_000, size: 1 << 20, overhead: 26, record: 1 << 20, span: 24 * time.Hour, rooms: 1, calls: 8}
}

func (g *logGroup) deliver(ctx context.Context, parcels []*parcel) error {
	for _, p := range parcels {
		if err := g.put(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (g *logGroup) put(ctx context.Context, p *parcel) error {
	records := slices.Clone(p.open())
	if len(records) == 0 {
		return nil
	}
	// The call requires the order of times. The home assigns times and positions at
	// different moments, so the two orders may differ a little.
	slices.SortStableFunc(records, func(a, b Record) int { return a.Time.Compare(b.Time) })
	events := make([]types.InputLogEvent, len(records))
	for i := range records {
		events[i] = types.InputLogEvent{
			Timestamp: aws.Int64(records[i].Time.UnixMilli()),
			Message:   aws.String(string(AppendRecord(nil, &records[i]))),
		}
	}
	stream := streamName(p.backlog.RoomID)
	out, err := g.putEvents(ctx, stream, events)
	if is(err, "ResourceNotFoundException") {
		if err := g.createStream(ctx, stream); err != nil {
			return err
		}
		out, err = g.putEvents(ctx, stream, events)
	}
	if is(err, "DataAlreadyAcceptedException") {
		return nil
	}
	if err != nil {
		return err
	}
	return settle(p, records, out.RejectedLogEventsInfo)
}

func (g *logGroup) putEvents(ctx context.Context, stream string, events []types.InputLogEvent) (*cloudwatchlogs.PutLogEventsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return g.client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &g.name, LogStreamName: &stream, LogEvents: events})
}

// createStream creates the stream. An existing stream is no error.
func (g *logGroup) createStream(ctx context.Context, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	_, err := g.client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &g.name, LogStreamName: &stream})
	if is(err, "ResourceAlreadyExistsException") {
		return nil
	}
	return err
}

// settle marks which of the records, in the order in which they were sent, were
// accepted. Records that are too old, or past the retention of the group, are refused
// for good. Records that are too new, more than two hours ahead of the service's clock,
// are accepted later.
func settle(p *parcel, records []Record, rejected *types.RejectedLogEventsInfo) error {
	if rejected == nil {
		return nil
	}
	n := len(records)
	index := func(i *int32, otherwise int) int {
		if i == nil {
			return otherwise
		}
		return min(max(int(*i), 0), n)
	}
	old := max(index(rejected.TooOldLogEventEndIndex, 0), index(rejected.ExpiredLogEventEndIndex, 0))
	future := index(rejected.TooNewLogEventStartIndex, n)
	if old > future {
		return fmt.Errorf("CloudWatch Logs rejected events up to %d as too old and from %d as too new", old, future)
	}
	for i, r := range records[:future] {
		p.settle(r.Position, i >= old)
	}
	if future < n {
		return errTooNew
	}
	return nil
}

var errTooNew = errors.New("CloudWatch Logs rejected records that are more than two hours ahead of its clock; check the clock of this machine")
