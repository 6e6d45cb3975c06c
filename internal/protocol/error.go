package protocol

import (
	"errors"

	"confab/internal/chat"
)

// Error is a chat.Error between nodes.
type Error struct {
	Code     chat.Code             `json:"code"`
	Message  string                `json:"message"`
	Name     string                `json:"name,omitzero"`
	ID       string                `json:"id,omitzero"`
	Reason   chat.ValidationReason `json:"reason,omitzero"`
	Fields   []chat.Field          `json:"fields,omitzero"`
	Resource string                `json:"resource,omitzero"`
	Limit    int                   `json:"limit,omitzero"`
}

// NewError returns an error as it travels.
func NewError(err error) *Error {
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		return &Error{Code: chat.Internal, Message: err.Error()}
	}
	w := &Error{Code: e.Code, Message: e.Message, Name: e.Name, ID: e.ID, Reason: e.Reason, Fields: e.Fields, Limit: e.Limit}
	if e.Resource != (chat.ARN{}) {
		w.Resource = e.Resource.String()
	}
	return w
}

// Err returns the error as it was.
func (w *Error) Err() error {
	e := &chat.Error{Code: w.Code, Message: w.Message, Name: w.Name, ID: w.ID, Reason: w.Reason, Fields: w.Fields, Limit: w.Limit}
	if a, err := chat.ParseARN(w.Resource); err == nil {
		e.Resource = a
	}
	if !e.Code.Known() {
		e.Code = chat.Internal // Of a later release: it has no exception here.
	}
	return e
}
