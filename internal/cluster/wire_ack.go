package cluster

import (
	"encoding/binary"

	"github.com/go-json-experiment/json"
)

// ack says that From has everything of a stream up to Count.
type ack struct {
	From  string `json:"from"`
	View  ViewID `json:"view"`
	Count uint64 `json:"count"`
}

func readAck(data []byte) (a ack, err error) {
	if isCompact(data) {
		return decodeAck(data)
	}
	err = json.Unmarshal(data, &a)
	return a, err
}

// encode writes: version, view, member, count.
func (a ack) encode() []byte {
	b := make([]byte, 0, 32+len(a.View.Coordinator)+len(a.From))
	b = appendView(append(b, compactVersion), a.View)
	b = appendString(b, a.From)
	return binary.AppendUvarint(b, a.Count)
}

func decodeAck(data []byte) (a ack, err error) {
	r := compactReader(data)
	a = ack{View: r.view(), From: r.string(), Count: r.uvarint()}
	return a, r.err()
}
