package roomops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/operation"
	"confab/internal/traces"
)

// ListMessageTracesInput is what ListMessageTraces takes.
type ListMessageTracesInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
	// The user whose attempts are listed; all if it is absent.
	UserID *string `json:"userId" rule:"1..128"`
	// The outcome of the attempts; all if it is absent.
	Result *string `json:"result" rule:"DELIVERED|CHANGED|REFUSED|HIDDEN"`
	// The maximum number of attempts in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page. All other members must be the same as for that
	// page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListMessageTracesOutput is one page.
type ListMessageTracesOutput struct {
	// The attempts, the newest first.
	Traces []MessageTrace `json:"traces"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// MessageTrace is the outcome of one attempt to send a message. It never has the message.
type MessageTrace struct {
	// When the server received it.
	Time string `json:"time" rule:"time"`
	// The id of the message; empty if it was refused before it had one.
	MessageID string `json:"messageId"`
	// The user who sent it.
	UserID string `json:"userId"`
	// DELIVERED, CHANGED by a filter or by message review, REFUSED, or HIDDEN from all but
	// its sender.
	Result string `json:"result" rule:"DELIVERED|CHANGED|REFUSED|HIDDEN"`
	// The rule that decided, such as slow-mode, room-rate, filter:NAME or review.
	// docs/traces.md lists all; absent if no rule did.
	Rule string `json:"rule,omitzero"`
	// The ErrorCode that the sender got; absent if the message was not refused, or if its
	// session had ended.
	ErrorCode int `json:"errorCode,omitzero"`
	// The ErrorMessage that the sender got.
	ErrorMessage string `json:"errorMessage,omitzero"`
	// The time that each part took.
	Milliseconds TraceMilliseconds `json:"milliseconds"`
	// How many connections got the message, over all nodes.
	Deliveries int `json:"deliveries"`
	// The name of the node that decided.
	Node string `json:"node"`
}

// TraceMilliseconds is the time that each part of an attempt took, in milliseconds.
type TraceMilliseconds struct {
	// Content filters.
	Filter float64 `json:"filter"`
	// The message review handler.
	Review float64 `json:"review"`
	// The wait until the message was stored, in rooms with history, logging or webhooks.
	Transcript float64 `json:"transcript"`
	// The rest, until the answer to the sender could be sent.
	Publish float64 `json:"publish"`
	// From the receipt of the request to the end.
	Total float64 `json:"total"`
}

// ListMessageTraces returns the outcome of the last attempts to send a message in a room:
// at most 500, from the memory of all nodes that answer. A node that restarts loses its
// attempts. A chat token with DELETE_MESSAGE or DISCONNECT_USER is accepted instead of a
// signature, for its room.
func (s *Service) ListMessageTraces(ctx context.Context, in *ListMessageTracesInput) (*ListMessageTracesOutput, error) {
	capability := chat.DeleteMessage
	if token := iam.CallFrom(ctx).Principal.Token; token != nil && token.Can(chat.DisconnectUser) {
		capability = chat.DisconnectUser
	}
	room, err := s.Moderated(ctx, *in.RoomIdentifier, capability, "ListMessageTraces")
	if err != nil {
		return nil, err
	}
	q := traces.Query{RoomID: room.ARN.ID, UserID: operation.String(in.UserID), Result: traces.ResultOf(operation.String(in.Result)), Limit: operation.PageSize(in.MaxResults)}
	list := []any{"traces", q.RoomID, q.UserID, q.Result}
	if q.Before, err = operation.OpenPage[*traces.Position](in.NextToken, list...); err != nil {
		return nil, err
	}
	page, next := s.o.Traces.List(ctx, &q)
	out := &ListMessageTracesOutput{Traces: make([]MessageTrace, len(page))}
	for i := range page {
		out.Traces[i] = showTrace(&page[i])
	}
	if next != nil {
		out.NextToken = operation.SealPage(next, list...)
	}
	return out, nil
}

func showTrace(t *traces.Trace) MessageTrace {
	ms := func(micros uint32) float64 { return float64(micros) / 1000 }
	return MessageTrace{
		Time: chat.FormatTime(t.Time), MessageID: t.ID, UserID: t.UserID, Result: t.Result.String(),
		Rule: t.Rule, ErrorCode: t.ErrorCode, ErrorMessage: t.ErrorMessage,
		Milliseconds: TraceMilliseconds{
			Filter: ms(t.Spent[traces.Filter]), Review: ms(t.Spent[traces.Review]),
			Transcript: ms(t.Spent[traces.Transcript]), Publish: ms(t.Spent[traces.Publish]), Total: ms(t.Total),
		},
		Deliveries: t.Deliveries, Node: t.Node,
	}
}
