package edge

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/chat"
)

// action is one request of a client, decoded but not yet checked.
type action struct {
	Name       chat.Capability
	RequestID  string
	Content    string
	Attributes map[string]string
	ID         string
	UserID     string
	Reason     string
}

// The members of a request, in the order in which their faults are reported.
const (
	memberRequestID = iota
	memberAction
	memberContent
	memberID
	memberUserID
	memberReason
	memberAttributes
	memberCount
)

var memberNames = [memberCount]string{"RequestId", "Action", "Content", "Id", "UserId", "Reason", "Attributes"}

// halves makes the decoder read half of a surrogate pair as U+FFFD. JavaScript cuts
// strings between the halves, and JSON.stringify writes the remaining half as \ud83d. The
// frame itself is valid UTF-8, as every text frame is.
var halves = jsontext.AllowInvalidUTF8(true)

// members are the members that a frame holds.
type members struct {
	seen       [memberCount]bool
	text       [memberCount]string
	attributes map[string]string
	faults     [memberCount]error
}

// decodeAction reads a frame of a client. It accepts the keys of the top level in any
// case, as the service does. It treats null as absent and ignores unknown keys. When it
// refuses the frame, the action still carries the request id if that was readable, so
// that the client can match the error.
func decodeAction(frame []byte) (action, error) {
	var m members
	err := m.read(frame)
	a := action{
		Name:       chat.Capability(m.text[memberAction]),
		RequestID:  m.text[memberRequestID],
		Content:    m.text[memberContent],
		Attributes: m.attributes,
		ID:         m.text[memberID],
		UserID:     m.text[memberUserID],
		Reason:     m.text[memberReason],
	}
	if fault := m.faults[memberRequestID]; fault != nil {
		return a, fault
	}
	if err != nil {
		return a, err
	}
	for _, fault := range m.faults {
		if fault != nil {
			return a, fault
		}
	}
	switch a.Name {
	case chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser:
		return a, nil
	case "":
		return a, chat.InvalidField("Action", "it is missing; allowed: SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER")
	default:
		return a, chat.InvalidField("Action", "there is no such action; allowed: SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER")
	}
}

// read reads the frame's object up to its end or to the first invalid JSON.
func (m *members) read(frame []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(frame), halves) // The decoder does not copy a bytes.Buffer.
	start, err := d.ReadToken()
	if err != nil || start.Kind() != '{' {
		return chat.Errorf(chat.Invalid, "A request is one JSON object")
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return malformed(err)
		}
		i := memberIndex(key.String())
		value, err := d.ReadValue()
		if err != nil {
			return malformed(err)
		}
		if i < 0 || value.Kind() == 'n' {
			continue
		}
		if m.seen[i] {
			return twice()
		}
		m.seen[i] = true
		if i == memberAttributes {
			m.attributes, m.faults[i] = attributesMember(value)
		} else {
			m.text[i], m.faults[i] = stringMember(memberNames[i], value)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return chat.Errorf(chat.Invalid, "A request is one JSON object, and nothing may follow it")
	}
	return nil
}

// memberIndex returns the index of the member with this key, or -1 if the key is unknown.
func memberIndex(key string) int {
	for i, name := range memberNames {
		// Some letters beyond ASCII fold to ASCII letters, but they are longer in bytes.
		if len(key) == len(name) && strings.EqualFold(key, name) {
			return i
		}
	}
	return -1
}

func twice() error {
	return chat.Errorf(chat.Invalid, "The request has a member twice; write each once")
}

// malformed describes what is wrong with the JSON without repeating any of it.
func malformed(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return twice()
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return chat.Errorf(chat.Invalid, "The request is not valid JSON at byte %d", syntax.ByteOffset)
	}
	return chat.Errorf(chat.Invalid, "The request is not valid JSON")
}

func stringMember(name string, raw jsontext.Value) (string, error) {
	if raw.Kind() != '"' {
		return "", chat.InvalidField(name, "it must be a string")
	}
	b, _ := jsontext.AppendUnquote(nil, raw) // The error is about halves, which are replaced.
	return string(b), nil
}

func attributesMember(raw jsontext.Value) (map[string]string, error) {
	attributes, err := chat.DecodeStrings(raw)
	switch {
	case errors.Is(err, chat.ErrNotObject):
		return nil, chat.InvalidField("Attributes", "it must be an object of strings")
	case errors.Is(err, chat.ErrNotString):
		return nil, chat.InvalidField("Attributes", "every value must be a string")
	case err != nil:
		return nil, malformed(err)
	}
	return attributes, nil
}
