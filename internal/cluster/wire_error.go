package cluster

import (
	"errors"

	"confab/internal/chat"
)

// wireError is a chat.Error between nodes.
type wireError struct {
	Code     chat.Code             `json:"code"`
	Message  string                `json:"message"`
	Name     string                `json:"name,omitzero"`
	ID       string                `json:"id,omitzero"`
	Reason   chat.ValidationReason `json:"reason,omitzero"`
	Fields   []chat.Field          `json:"fields,omitzero"`
	Resource string                `json:"resource,omitzero"`
	Limit    int                   `json:"limit,omitzero"`
}

func newWireError(err error) *wireError {
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		return &wireError{Code: chat.Internal, Message: err.Error()}
	}
	w := &wireError{Code: e.Code, Message: e.Message, Name: e.Name, ID: e.ID, Reason: e.Reason, Fields: e.Fields, Limit: e.Limit}
	if e.Resource != (chat.ARN{}) {
		w.Resource = e.Resource.String()
	}
	return w
}

func (w *wireError) error() error {
	e := &chat.Error{Code: w.Code, Message: w.Message, Name: w.Name, ID: w.ID, Reason: w.Reason, Fields: w.Fields, Limit: w.Limit}
	if a, err := chat.ParseARN(w.Resource); err == nil {
		e.Resource = a
	}
	if !e.Code.Known() {
		e.Code = chat.Internal // Of a later release: it has no exception here.
	}
	return e
}
