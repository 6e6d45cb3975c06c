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

// decodeAction reads a frame of a client. The keys of the top level are taken
// in any case, as the service takes them; null is as good as absent; what it
// does not know it ignores. When the frame is refused, the action still carries
// the request id if that could be read, so that the client can match the error.
func decodeAction(frame []byte) (action, error) {
	members, err := topLevel(frame)
	var a action
	if raw := members["requestid"]; raw != nil {
		var bad error
		if a.RequestID, bad = stringMember("RequestId", raw); bad != nil {
			return a, bad
		}
	}
	if err != nil {
		return a, err
	}
	var name string
	for _, m := range []struct {
		key    string
		name   string
		target *string
	}{
		{"action", "Action", &name},
		{"content", "Content", &a.Content},
		{"id", "Id", &a.ID},
		{"userid", "UserId", &a.UserID},
		{"reason", "Reason", &a.Reason},
	} {
		if raw := members[m.key]; raw != nil {
			if *m.target, err = stringMember(m.name, raw); err != nil {
				return a, err
			}
		}
	}
	if raw := members["attributes"]; raw != nil {
		if a.Attributes, err = attributesMember(raw); err != nil {
			return a, err
		}
	}
	switch a.Name = chat.Capability(name); a.Name {
	case chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser:
		return a, nil
	case "":
		return a, chat.InvalidField("Action", "it is missing; allowed: SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER")
	default:
		return a, chat.InvalidField("Action", "there is no such action; allowed: SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER")
	}
}

// topLevel splits a JSON object into its members by lower-case key, nulls left
// out. With an error it returns the members before the fault.
func topLevel(frame []byte) (map[string]jsontext.Value, error) {
	d := jsontext.NewDecoder(bytes.NewReader(frame))
	members := make(map[string]jsontext.Value, 4)
	start, err := d.ReadToken()
	if err != nil || start.Kind() != '{' {
		return members, chat.Errorf(chat.Invalid, "A request is one JSON object")
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return members, malformed(err)
		}
		name := strings.ToLower(key.String())
		value, err := d.ReadValue()
		if err != nil {
			return members, malformed(err)
		}
		if _, twice := members[name]; twice {
			return members, chat.Errorf(chat.Invalid, "The request has a member twice; write each once")
		}
		if value.Kind() != 'n' {
			members[name] = value.Clone()
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return members, malformed(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return members, chat.Errorf(chat.Invalid, "A request is one JSON object, and nothing may follow it")
	}
	return members, nil
}

// malformed words what is wrong with the JSON without repeating any of it.
func malformed(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return chat.Errorf(chat.Invalid, "The request has a member twice; write each once")
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
	b, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", chat.InvalidField(name, "it must be a valid string")
	}
	return string(b), nil
}

func attributesMember(raw jsontext.Value) (map[string]string, error) {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if start, err := d.ReadToken(); err != nil || start.Kind() != '{' {
		return nil, chat.InvalidField("Attributes", "it must be an object of strings")
	}
	attributes := make(map[string]string)
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}
		name := key.String()
		value, err := d.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}
		if value.Kind() != '"' {
			return nil, chat.InvalidField("Attributes", "every value must be a string")
		}
		attributes[name] = value.String()
	}
	return attributes, nil
}
