package protocol

import (
	"encoding/binary"

	"confab/internal/chat"
)

// HiddenVersion is what a node reads that delivers frames with chat.Frame.Hidden to their
// user only. It is the highest form that this release reads, and what a node says in its
// heartbeats.
const HiddenVersion = 5

// A hidden frame is sent as an event that clients ignore, with its own JSON after it. So if
// a node of an earlier release gets it, for instance after a partition, that node neither
// delivers nor keeps the hidden content.
const hiddenStub = `{"Type":"HIDDEN"}`

// shown returns the type and the JSON of a frame that nodes of all releases read.
func shown(f *chat.Frame) (chat.FrameType, []byte) {
	if f.Hidden {
		return chat.EventFrame, []byte(hiddenStub)
	}
	return f.Type, f.JSON
}

// appendHidden writes what is hidden.
func appendHidden(b []byte, f *chat.Frame) []byte {
	if !f.Hidden {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(f.JSON)))
	return append(b, f.JSON...)
}

// hidden reads what appendHidden wrote.
func (r *reader) hidden(f *chat.Frame) {
	if !f.Hidden {
		return
	}
	f.Type = chat.EventFrame
	if f.JSON = r.bytes(); f.Action == chat.ActionSendMessage {
		f.Type = chat.MessageFrame
	}
}
