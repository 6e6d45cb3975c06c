package protocol

import (
	"encoding/binary"

	"github.com/go-json-experiment/json"

	"confab/internal/view"
)

// Ack says that From has everything of a stream up to Count.
type Ack struct {
	From  string  `json:"from"`
	View  view.ID `json:"view"`
	Count uint64  `json:"count"`
}

// ReadAck reads an acknowledgement of either form.
func ReadAck(data []byte) (a Ack, err error) {
	if IsCompact(data) {
		return decodeAck(data)
	}
	err = json.Unmarshal(data, &a)
	return a, err
}

// Bytes returns an acknowledgement as it is sent.
func (a Ack) Bytes(compact bool) []byte {
	if compact {
		return a.Encode()
	}
	b, _ := json.Marshal(a) // Strings and numbers are encoded without an error.
	return b
}

// Encode writes: version, view, member, count.
func (a Ack) Encode() []byte {
	b := make([]byte, 0, 32+len(a.View.Coordinator)+len(a.From))
	b = appendView(append(b, CompactVersion), a.View)
	b = appendString(b, a.From)
	return binary.AppendUvarint(b, a.Count)
}

func decodeAck(data []byte) (a Ack, err error) {
	r := compactReader(data)
	a = Ack{View: r.view(), From: r.string(), Count: r.uvarint()}
	return a, r.err()
}
