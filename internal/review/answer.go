package review

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/chat"
)

// maxAnswer is how much of an answer is read, in bytes. The longest valid answer has
// about 10 KB, including escapes.
const maxAnswer = 256 << 10

// notAllowed is the reason sent to a sender when the handler, or the fallback result,
// gives none.
const notAllowed = "Message was rejected"

// halves makes the decoder read half of a surrogate pair as U+FFFD. It also accepts
// invalid UTF-8.
var halves = jsontext.AllowInvalidUTF8(true)

// answer is a handler's decision on a message.
type answer struct {
	denied bool
	// reason is why the message was denied; "" when the handler gives none.
	reason string
	// content is what to deliver, when not denied.
	content string
	// attributes replace the message's; nil keeps them.
	attributes map[string]string
}

// parseAnswer parses the answer of a handler, {"ReviewResult", "Content",
// "Attributes"}, and checks it against the rules. Members have exactly these names,
// null counts as absent, and other members are ignored.
//
// An allowed message needs visible content within the room's length. It is measured
// like a sender's message: in code points, without white space at its ends.
//
// Half of a surrogate pair is read as U+FFFD. JavaScript leaves one where it cuts a
// string.
func parseAnswer(b []byte, maxLength int) (answer, error) {
	members, err := answerMembers(b)
	if err != nil {
		return answer{}, err
	}
	result, _, err := text(members, "ReviewResult")
	if err != nil {
		return answer{}, err
	}
	content, given, err := text(members, "Content")
	if err != nil {
		return answer{}, err
	}
	attributes, err := attributesOf(members["Attributes"])
	if err != nil {
		return answer{}, err
	}
	switch chat.FallbackResult(result) {
	case chat.Deny:
		return answer{denied: true, reason: attributes["Reason"]}, nil
	case chat.Allow:
	default:
		return answer{}, invalid("ReviewResult must be ALLOW or DENY")
	}
	switch n := utf8.RuneCountInString(strings.TrimSpace(content)); {
	case !given || !chat.Visible(content):
		return answer{}, invalid("ALLOW needs Content")
	case n > maxLength:
		return answer{}, invalid("Content has %d characters, the room allows %d", n, maxLength)
	}
	return answer{content: content, attributes: attributes}, nil
}

// answerMembers splits the object into its members, without nulls.
func answerMembers(b []byte) (map[string]jsontext.Value, error) {
	if !utf8.Valid(b) {
		return nil, invalid("it is not UTF-8")
	}
	d := jsontext.NewDecoder(bytes.NewReader(b), halves)
	if start, err := d.ReadToken(); err != nil || start.Kind() != '{' {
		return nil, invalid("it must be a JSON object")
	}
	members := make(map[string]jsontext.Value, 3)
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}
		name := key.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, malformed(err)
		}
		if value.Kind() != 'n' {
			members[name] = value.Clone()
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, malformed(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, invalid("something follows the JSON object")
	}
	return members, nil
}

func malformed(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return invalid("it has a member twice")
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return invalid("it is not JSON at byte %d", syntax.ByteOffset)
	}
	return invalid("it is not JSON")
}

// text returns a member that is a string, and whether it is present.
func text(members map[string]jsontext.Value, name string) (s string, given bool, err error) {
	raw := members[name]
	if raw == nil {
		return "", false, nil
	}
	if raw.Kind() != '"' {
		return "", false, invalid("%s must be a string", name)
	}
	b, _ := jsontext.AppendUnquote(nil, raw) // The error is about halves, which are replaced.
	return string(b), true, nil
}

// attributesOf reads the Attributes; nil is absent. They have the same limit as a
// sender's attributes.
func attributesOf(raw jsontext.Value) (map[string]string, error) {
	if raw == nil {
		return nil, nil
	}
	attributes, err := chat.DecodeStrings(raw)
	switch {
	case errors.Is(err, chat.ErrNotObject):
		return nil, invalid("Attributes must be an object of strings")
	case errors.Is(err, chat.ErrNotString):
		return nil, invalid("Attributes must be strings")
	case err != nil:
		return nil, malformed(err)
	}
	if n := chat.AttributesSize(attributes); n > chat.MaxAttributes {
		return nil, invalid("Attributes have %d bytes, %d are allowed", n, chat.MaxAttributes)
	}
	return attributes, nil
}

// changes reports whether the answer changes the message. An empty map changes nothing
// if there were no attributes.
func (a *answer) changes(m *chat.Message) bool {
	return a.content != m.Content || a.attributes != nil && !maps.Equal(a.attributes, m.Attributes)
}

// apply returns the message to deliver: m itself when the answer changes nothing.
func (a *answer) apply(m *chat.Message) *chat.Message {
	if !a.changes(m) {
		return m
	}
	c := *m
	c.Content = a.content
	if a.attributes != nil && !maps.Equal(a.attributes, m.Attributes) {
		c.Attributes = a.attributes
	}
	return &c
}

// rejection returns the error for the sender of a denied message. Its id is the
// message's own (Messaging API reference, "Error").
func (a *answer) rejection(id string) error {
	e := &chat.Error{Code: chat.Rejected, Message: a.reason, ID: id}
	if e.Message == "" {
		e.Message = notAllowed
	}
	return e
}
