package roomops

import (
	"context"
	"strconv"

	"confab/internal/chat"
	"confab/internal/erasure"
	"confab/internal/iam"
	"confab/internal/modlog"
)

// EraseUserInput is what EraseUser takes.
type EraseUserInput struct {
	// The user whose messages are erased.
	UserID *string `json:"userId" rule:"required 1..128"`
	// The ARN of the room; all rooms if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
}

// EraseUserOutput is the state of the erasure.
type EraseUserOutput struct {
	// RUNNING if the operation must be called again with the same input, otherwise DONE.
	Status string `json:"status" rule:"RUNNING|DONE"`
	// How many messages were removed, by this call and by earlier calls with the same
	// input, unless more than an hour was between two of them.
	Messages int64 `json:"messages"`
	// Where delivered chat logs contain messages of the user. It is known for messages in
	// the history of rooms, and for records that are still in the transcript.
	LogObjects []LogObject `json:"logObjects"`
}

// LogObject is a part of a chat log that was delivered.
type LogObject struct {
	// The kind and the name of the destination: s3/BUCKET, cloudWatchLogs/LOG_GROUP or
	// firehose/DELIVERY_STREAM.
	Destination string `json:"destination"`
	// The prefix of the keys of the objects, or the name of the log stream; empty for
	// Firehose.
	Prefix string `json:"prefix"`
	// The first hour. Keys in S3 have the hour of an object's first record, so the hour
	// before the first message is included there.
	StartTime string `json:"startTime" rule:"time"`
	// The end of the last hour.
	EndTime string `json:"endTime" rule:"time"`
}

// EraseUser removes the messages of a user, with the sender's attributes in them, from one
// room or all rooms: from the history, from the memory of nodes, and from chat logs that
// were not delivered yet. One call works for some seconds. While it answers RUNNING, call
// it again with the same input. Connected clients get delete events for the newest 500 of
// the messages in each room, at the room's rate. Chat logs that were delivered are not
// changed: logObjects says where they contain messages of the user.
func (s *Service) EraseUser(ctx context.Context, in *EraseUserInput) (*EraseUserOutput, error) {
	call := iam.CallFrom(ctx)
	roomID := ""
	if in.RoomIdentifier != nil {
		room, err := s.Room(ctx, *in.RoomIdentifier, "EraseUser")
		if err != nil {
			return nil, err
		}
		roomID = room.ARN.ID
	} else if err := call.Authorize("confab:EraseUser", s.EveryRoom(), iam.Keys{}); err != nil {
		return nil, err
	}
	done, err := s.o.Erasures.Erase(ctx, roomID, *in.UserID, call.Principal.ARN)
	if err != nil {
		return nil, err
	}
	s.noteErasure(roomID, *in.UserID, call.Principal.ARN, done)
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

// noteErasure notes an erasure in the moderation log: once, with what the last call has found.
func (s *Service) noteErasure(roomID, userID, by string, done *erasure.Result) {
	if done.Started.IsZero() {
		return
	}
	s.o.Moderation.Note(&modlog.Event{
		ID:   chat.DerivedID("erasure", roomID, userID, chat.FormatTime(done.Started)),
		Time: done.Started, Action: modlog.EraseUser, RoomID: roomID, UserID: userID, By: modlog.ActorOf(by),
		Details: map[string]string{"messages": strconv.FormatInt(done.Messages, 10), "done": strconv.FormatBool(done.Done)},
	})
}
