// Package export writes the messages of a room as NDJSON, CSV or WebVTT captions. Each message
// is written at once, so an export of any length needs little memory.
package export

import (
	"fmt"
	"io"
	"time"
)

// Message is a message to write.
type Message struct {
	ID               string
	SendTime         time.Time
	UserID           string
	Content          string
	Attributes       map[string]string
	SenderAttributes map[string]string
	// DeletedTime, DeletedBy and Reason are empty for a message that was not deleted.
	DeletedTime, DeletedBy, Reason string
	// Members is the message as the API shows it.
	Members any
}

// Writer writes messages in one form.
type Writer interface {
	// Write writes a message, the oldest one first.
	Write(m *Message) error
	// Close writes what is left. It does not close the file.
	Close() error
}

// Forms are the names of the forms, for New.
var Forms = []string{"ndjson", "csv", "vtt"}

// New returns a writer of a form, one of Forms. The times of captions are relative to start.
func New(form string, w io.Writer, start time.Time) (Writer, error) {
	switch form {
	case "ndjson":
		return newNDJSON(w), nil
	case "csv":
		return newCSV(w), nil
	case "vtt":
		return newVTT(w, start), nil
	}
	return nil, fmt.Errorf("unknown form %q", form)
}
