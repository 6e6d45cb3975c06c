package protocol

import (
	"confab/internal/quota"
	"confab/internal/view"
)

// PrepareAnswer is what a member says to a proposed view.
type PrepareAnswer struct {
	// OK says that the node has sealed its view and will commit no earlier one than
	// the proposed.
	OK       bool   `json:"ok"`
	Promised uint64 `json:"promised"`
	// Supported is how long ago, in nanoseconds, the node last supported the lease
	// of a node that the new view leaves out.
	Supported int64 `json:"supported"`
}

// StateQuestion asks a member how far it is in the rooms whose home is Home in View,
// from the one behind After on.
type StateQuestion struct {
	View  view.ID `json:"view"`
	Home  string  `json:"home"`
	After string  `json:"after"`
	// Known are the views that the home knows: the answer need not have them.
	Known []view.ID `json:"known,omitzero"`
}

// StateAnswer is how far a member is in the rooms of a home.
type StateAnswer struct {
	// OK is false while the member is not in the view.
	OK bool `json:"ok"`
	// Was is the last view that was open at the member, and Past are its latest
	// views; only the first answer has them.
	Was   view.ID     `json:"was,omitzero"`
	Past  []view.View `json:"past,omitzero"`
	Rooms []RoomState `json:"rooms,omitzero"`
	More  bool        `json:"more,omitzero"`
}

// RoomState is how far a member is in a room.
type RoomState struct {
	Room      string     `json:"room"`
	Last      view.Point `json:"last"`
	Delivered view.Point `json:"delivered,omitzero"`
	// PassedOver says that the member's clients did not get what is up to Delivered.
	PassedOver bool `json:"passed_over,omitzero"`
	// Floor is where the member's log begins, and Young says that it does not
	// reach back to all operations that may be asked for again.
	Floor view.Point `json:"floor,omitzero"`
	Young bool       `json:"young,omitzero"`
	// Interest is not 0 if the member has sessions of the room; it is the number of that.
	Interest uint64 `json:"interest,omitzero"`
}

// HistoryQuestion asks for what a member lacks of some rooms.
type HistoryQuestion struct {
	View view.ID `json:"view"`
	// Missed are the views of which the member lacks the frames.
	Missed []view.ID      `json:"missed,omitzero"`
	Rooms  []RoomQuestion `json:"rooms"`
}

// RoomQuestion asks for what a member lacks of one room.
type RoomQuestion struct {
	Room string `json:"room"`
	// After is the last frame that the member has delivered, or passed over.
	After      view.Point `json:"after,omitzero"`
	PassedOver bool       `json:"passed_over,omitzero"`
	// Until is the last frame to send; zero is the last there is.
	Until view.Point `json:"until,omitzero"`
	// Whole asks for the recent log itself: nothing is missing behind After. Young
	// asks for it besides.
	Whole bool `json:"whole,omitzero"`
	Young bool `json:"young,omitzero"`
}

// HistoryAnswer has what a member asked for.
type HistoryAnswer struct {
	OK bool `json:"ok"`
	// Histories are of the first of the question's rooms, in their order, as many
	// as fit.
	Histories []History `json:"histories"`
}

// CompleteQuestion gives a member what it lacks.
type CompleteQuestion struct {
	View      view.ID   `json:"view"`
	Histories []History `json:"histories"`
}

// CompleteAnswer is OK if the member has it.
type CompleteAnswer struct {
	OK bool `json:"ok"`
}

// StreamQuestion asks a home for items of its stream, by count.
type StreamQuestion struct {
	View view.ID `json:"view"`
	// Member is whose stream it is, in a view with interest.
	Member string `json:"member,omitzero"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"` // inclusive
}

// StreamAnswer has items of a stream.
type StreamAnswer struct {
	// First is the first that the home still has; what is before it is lost.
	First uint64   `json:"first"`
	Items [][]byte `json:"items"`
}

// Query is a question to a node about itself that has nothing to do with the order of
// frames: how many connections it has, which users are in a room.
type Query struct {
	Topic string `json:"topic"`
	Body  []byte `json:"body,omitzero"`
}

// QueryAnswer is not OK if the node does not know the topic, because it is of another
// release, or failed.
type QueryAnswer struct {
	OK   bool   `json:"ok"`
	Body []byte `json:"body,omitzero"`
}

// Loan is a question for requests of an account's rate, and its answer.
type Loan struct {
	Quota quota.Name `json:"quota"`
	N     int        `json:"n"`
}
