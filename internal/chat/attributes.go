package chat

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxAttributes is the limit of token and message attributes in total, in bytes of
// keys and values as UTF-8 (the API model's "1 KB total").
const MaxAttributes = 1024

// AttributesSize returns the size that counts against the limit of attributes: the
// UTF-8 bytes of all keys and values.
func AttributesSize(attributes map[string]string) int {
	n := 0
	for k, v := range attributes {
		n += len(k) + len(v)
	}
	return n
}

// The errors of DecodeStrings, besides those of jsontext.
var (
	ErrNotObject = errors.New("not a JSON object")
	ErrNotString = errors.New("a value is not a string")
)

// DecodeStrings decodes a JSON object of strings, such as attributes. Half of a
// surrogate pair, as JavaScript leaves where it cuts a string, is read as U+FFFD, and
// invalid UTF-8 as well. A member that is there twice is jsontext.ErrDuplicateName.
func DecodeStrings(raw jsontext.Value) (map[string]string, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowInvalidUTF8(true)) // It does not copy a bytes.Buffer.
	if start, err := d.ReadToken(); err != nil || start.Kind() != '{' {
		return nil, ErrNotObject
	}
	all := make(map[string]string)
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String()
		value, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		if value.Kind() != '"' {
			return nil, ErrNotString
		}
		all[name] = value.String()
	}
	return all, nil
}
