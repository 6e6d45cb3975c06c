package export

import (
	"encoding/json"
	"io"
)

// ndjson writes one message a line, with the members of the API.
type ndjson struct{ *json.Encoder }

func newNDJSON(w io.Writer) ndjson {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return ndjson{e}
}

func (n ndjson) Write(m *Message) error { return n.Encode(m.Members) }

func (ndjson) Close() error { return nil }
