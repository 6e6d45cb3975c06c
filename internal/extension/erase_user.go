package extension

import (
	"context"

	"confab/internal/chat"
	"confab/internal/iam"
)

// EraseUserInput is what EraseUser takes.
type EraseUserInput struct {
	// The user whose messages are erased.
	UserID *string `json:"userId" rule:"required 1..128"`
	// The ARN of the room; all rooms if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
}

// EraseUserOutput is how far the erasure is.
type EraseUserOutput struct {
	// RUNNING if the operation has to be called again with the same input, or DONE.
	Status string `json:"status" rule:"RUNNING|DONE"`
	// How many messages were removed, by this call and by those with the same input
	// before it, unless an hour was between two of them.
	Messages int64 `json:"messages"`
	// Where chat logs that were delivered have messages of the user. It is known for
	// messages that rooms kept in their history, and for records that are still in the
	// transcript.
	LogObjects []LogObject `json:"logObjects"`
}

// LogObject is a part of a chat log that was delivered.
type LogObject struct {
	// The kind and the name of the destination: s3/BUCKET, cloudWatchLogs/LOG_GROUP or
	// firehose/DELIVERY_STREAM.
	Destination string `json:"destination"`
	// What the keys of the objects begin with, or the name of the log stream; empty for
	// Firehose.
	Prefix string `json:"prefix"`
	// The hour with which it begins. Keys in S3 have the hour of an object's first
	// record, so the hour before the first message is included there.
	StartTime string `json:"startTime" rule:"time"`
	// The hour with which it ends, which is not included.
	EndTime string `json:"endTime" rule:"time"`
}

// EraseUser removes the messages of a user, with the sender's attributes in them, from the
// history of rooms, from what nodes keep in memory, and from chat logs that were not
// delivered yet, in one room or in all. A call works for some seconds; while it answers
// RUNNING, call it again with the same input. Clients that are connected are told to remove
// the newest 500 of the messages in each room, as many in a second as the room's rate. What
// was delivered to destinations stays there: logObjects says where.
func (s *Service) EraseUser(ctx context.Context, in *EraseUserInput) (*EraseUserOutput, error) {
	call := iam.CallFrom(ctx)
	roomID := ""
	if in.RoomIdentifier != nil {
		room, err := s.room(ctx, *in.RoomIdentifier, "EraseUser")
		if err != nil {
			return nil, err
		}
		roomID = room.ARN.ID
	} else if err := call.Authorize("confab:EraseUser", s.everyRoom(), iam.Keys{}); err != nil {
		return nil, err
	}
	done, err := s.o.Erasures.Erase(ctx, roomID, *in.UserID, call.Principal.ARN)
	if err != nil {
		return nil, err
	}
	moderationEvents{s}.noteErasure(roomID, *in.UserID, call.Principal.ARN, done)
	out := &EraseUserOutput{Status: "RUNNING", Messages: done.Messages, LogObjects: []LogObject{}}
	if done.Done {
		out.Status = "DONE"
	}
	for _, l := range done.Logs {
		out.LogObjects = append(out.LogObjects, LogObject{
			Destination: string(l.Destination.Type) + "/" + l.Destination.Name, Prefix: l.Prefix,
			StartTime: chat.FormatTime(l.Start), EndTime: chat.FormatTime(l.End),
		})
	}
	return out, nil
}
