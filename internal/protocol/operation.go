package protocol

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/view"
)

// CompactVersion begins the compact form of acknowledgements, of questions to a home and of
// their answers. Nodes of the first release write JSON and read nothing else; the heartbeat
// of a node says what it reads. Fields that a later release appends are skipped.
const CompactVersion = 2

// IsCompact reports whether a message has the compact form.
func IsCompact(data []byte) bool { return len(data) > 0 && data[0] == CompactVersion }

// compactReader returns a reader of the bytes after the version.
func compactReader(data []byte) reader { return reader{data: data[1:]} }

func (r *reader) err() error {
	if r.failed {
		return errMalformed
	}
	return nil
}

func appendView(b []byte, v view.ID) []byte {
	return appendString(binary.AppendUvarint(b, v.Number), v.Coordinator)
}

func (r *reader) view() view.ID { return view.ID{Number: r.uvarint(), Coordinator: r.string()} }

// The flags of a question to carry an operation out.
const (
	flagQuiet = 1 << iota
	flagJoined
	flagRoom
	flagFromServer
	flagSkipReview
	flagStaff
	flagOnlyUser
	flagAgain
)

func flag(bit byte, set bool) byte {
	if set {
		return bit
	}
	return 0
}

// encode writes: version, flags, view, and of the operation: action, id, room, request id,
// time, user, content, sender's attributes and address, attributes, event, target, reason,
// principal; then, as the flags say, the last kick, the room's settings, and the only user who
// gets the event.
func (q *DoQuestion) encode() []byte {
	op := &q.Op
	b := make([]byte, 0, 512+len(op.Content))
	flags := flag(flagQuiet, q.Quiet) | flag(flagJoined, op.Joined != nil) | flag(flagRoom, op.Room != nil) |
		flag(flagFromServer, op.FromServer) | flag(flagSkipReview, op.SkipReview) | flag(flagStaff, op.Staff) | flag(flagOnlyUser, op.OnlyUser != "") |
		flag(flagAgain, op.Again)
	b = append(b, CompactVersion, flags)
	b = appendView(b, q.View)
	b = appendString(b, string(op.Action))
	b = appendString(b, op.ID)
	b = appendString(b, op.RoomID)
	b = appendString(b, op.RequestID)
	b = appendTime(b, op.Received)
	b = appendString(b, op.UserID)
	b = appendString(b, op.Content)
	b = appendMap(b, op.SenderAttributes)
	b = appendString(b, op.SenderIP)
	b = appendMap(b, op.Attributes)
	b = appendString(b, op.EventName)
	b = appendString(b, op.Target)
	b = appendString(b, op.Reason)
	b = appendString(b, op.By)
	if op.Joined != nil {
		b = binary.AppendUvarint(b, op.Joined.Epoch)
		b = binary.AppendUvarint(b, op.Joined.Sequence)
	}
	if op.Room != nil {
		b = appendString(b, string(encodeRoom(op.Room)))
	}
	if op.OnlyUser != "" {
		b = appendString(b, op.OnlyUser)
	}
	return b
}

func decodeDoQuestion(data []byte) (q DoQuestion, err error) {
	r := compactReader(data)
	flags := r.byte()
	q = DoQuestion{Quiet: flags&flagQuiet != 0, View: r.view(), Op: messaging.Operation{
		Action: chat.Action(r.string()), ID: r.string(), RoomID: r.string(), RequestID: r.string(),
		Received: r.time(), UserID: r.string(), Content: r.string(), SenderAttributes: r.stringMap(), SenderIP: r.string(),
		Attributes: r.stringMap(), EventName: r.string(), Target: r.string(), Reason: r.string(), By: r.string(),
		FromServer: flags&flagFromServer != 0, SkipReview: flags&flagSkipReview != 0, Staff: flags&flagStaff != 0,
		Again: flags&flagAgain != 0,
	}}
	if flags&flagJoined != 0 {
		q.Op.Joined = &chat.Point{Epoch: r.uvarint(), Sequence: r.uvarint()}
	}
	if flags&flagRoom != 0 {
		room := reader{data: r.bytes()}
		q.Op.Room = room.room()
		r.failed = r.failed || room.failed
	}
	if flags&flagOnlyUser != 0 {
		q.Op.OnlyUser = r.string()
	}
	return q, r.err()
}

// encodeRoom writes the settings that a home needs of a room that it cannot read: ARN,
// times, limits, tags, handler, logging configurations, modes. It leaves out the name. The
// sender has already left out tags that a home does not need.
func encodeRoom(room *chat.Room) []byte {
	b := make([]byte, 0, 256)
	b = appendString(b, room.ARN.Region)
	b = appendString(b, room.ARN.Account)
	b = appendString(b, string(room.ARN.Type))
	b = appendString(b, room.ARN.ID)
	b = appendTime(b, room.CreateTime)
	b = appendTime(b, room.UpdateTime)
	b = binary.AppendVarint(b, int64(room.MaximumMessageLength))
	b = binary.AppendVarint(b, int64(room.MaximumMessageRatePerSecond))
	b = appendMap(b, room.Tags)
	if h := room.MessageReviewHandler; h != nil {
		b = appendString(append(b, 1), h.URI)
		b = appendString(b, string(h.FallbackResult))
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(room.LoggingConfigurations)))
	for _, arn := range room.LoggingConfigurations {
		b = appendString(b, arn)
	}
	b = binary.AppendUvarint(b, uint64(len(room.Modes)))
	for i := range room.Modes {
		m := &room.Modes[i]
		b = appendTime(appendString(appendString(appendString(b, m.Name), m.Value), m.By), m.Expires)
	}
	return b
}

func (r *reader) room() *chat.Room {
	room := &chat.Room{
		ARN:        chat.ARN{Region: r.string(), Account: r.string(), Type: chat.ResourceType(r.string()), ID: r.string()},
		CreateTime: r.time(), UpdateTime: r.time(),
		MaximumMessageLength: int(r.varint()), MaximumMessageRatePerSecond: int(r.varint()),
		Tags: r.stringMap(),
	}
	if r.byte() == 1 {
		room.MessageReviewHandler = &chat.MessageReviewHandler{URI: r.string(), FallbackResult: chat.FallbackResult(r.string())}
	}
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		room.LoggingConfigurations = append(room.LoggingConfigurations, r.string())
	}
	if len(r.data) == 0 {
		return room // The first release did not write modes.
	}
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		room.Modes = append(room.Modes, chat.Mode{Name: r.string(), Value: r.string(), By: r.string(), Expires: r.time()})
	}
	return room
}

// The outcomes in an answer of a home.
const (
	answerDone = iota
	answerMoved
	answerKicked
	answerError
)

// encode writes: version, outcome, and the frame's id or the error: code, message, name, id,
// reason, resource, limit, fields.
func (a *DoAnswer) encode() []byte {
	switch e := a.Error; {
	case a.Moved:
		return []byte{CompactVersion, answerMoved}
	case a.Kicked:
		return []byte{CompactVersion, answerKicked}
	case e != nil:
		b := binary.AppendVarint([]byte{CompactVersion, answerError}, int64(e.Code))
		b = appendString(b, e.Message)
		b = appendString(b, e.Name)
		b = appendString(b, e.ID)
		b = appendString(b, string(e.Reason))
		b = appendString(b, e.Resource)
		b = binary.AppendVarint(b, int64(e.Limit))
		b = binary.AppendUvarint(b, uint64(len(e.Fields)))
		for _, f := range e.Fields {
			b = appendString(appendString(b, f.Name), f.Message)
		}
		return b
	}
	return appendString([]byte{CompactVersion, answerDone}, a.ID)
}

func decodeDoAnswer(data []byte) (a DoAnswer, err error) {
	r := compactReader(data)
	switch r.byte() {
	case answerDone:
		a.ID = r.string()
	case answerMoved:
		a.Moved = true
	case answerKicked:
		a.Kicked = true
	case answerError:
		e := &Error{
			Code: chat.Code(r.varint()), Message: r.string(), Name: r.string(), ID: r.string(),
			Reason: chat.ValidationReason(r.string()), Resource: r.string(), Limit: int(r.varint()),
		}
		for n := r.uvarint(); n > 0 && !r.failed; n-- {
			e.Fields = append(e.Fields, chat.Field{Name: r.string(), Message: r.string()})
		}
		a.Error = e
	default:
		return a, errMalformed
	}
	return a, r.err()
}

// appendTime writes seconds and nanoseconds.
func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendVarint(binary.AppendVarint(b, t.Unix()), int64(t.Nanosecond()))
}

func (r *reader) time() time.Time { return time.Unix(r.varint(), r.varint()).UTC() }

// appendMap writes the number of pairs plus 1, then the pairs in the order of their keys. 0
// stands for a nil map, because absent attributes and empty ones make different frames.
func appendMap(b []byte, m map[string]string) []byte {
	if m == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(m))+1)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b = appendString(appendString(b, k), m[k])
	}
	return b
}

func (r *reader) stringMap() map[string]string {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	m := map[string]string{}
	for ; n > 1 && !r.failed; n-- {
		k := r.string()
		m[k] = r.string()
	}
	return m
}

// DoQuestion asks a home to carry an operation out. Only a home that is in the
// asking node's view does: what it publishes in another need not reach that node.
type DoQuestion struct {
	View view.ID             `json:"view"`
	Op   messaging.Operation `json:"op"`
	// Quiet asks for no answer of success: the frame that arrives is the answer.
	Quiet bool `json:"quiet,omitzero"`
}

// DoAnswer is the answer of a home. At most one of its members is set.
type DoAnswer struct {
	ID     string `json:"id,omitzero"`
	Moved  bool   `json:"moved,omitzero"`
	Kicked bool   `json:"kicked,omitzero"`
	Error  *Error `json:"error,omitzero"`
}

// Bytes returns the question as its receiver reads it.
func (q *DoQuestion) Bytes(compact bool) ([]byte, error) {
	if compact {
		return q.encode(), nil
	}
	// Attributes that are not there and empty ones are different frames.
	return json.Marshal(q, json.FormatNilMapAsNull(true), durations)
}

// ReadDoQuestion reads a question of either form.
func ReadDoQuestion(data []byte) (q DoQuestion, err error) {
	if IsCompact(data) {
		return decodeDoQuestion(data)
	}
	err = json.Unmarshal(data, &q, durations)
	return q, err
}

// Bytes returns the answer in the form of the question.
func (a *DoAnswer) Bytes(compact bool) ([]byte, error) {
	if compact {
		return a.encode(), nil
	}
	return json.Marshal(a)
}

// ReadDoAnswer reads an answer of either form.
func ReadDoAnswer(data []byte) (a DoAnswer, err error) {
	if IsCompact(data) {
		return decodeDoAnswer(data)
	}
	err = json.Unmarshal(data, &a)
	return a, err
}

// durations has the history's length of an operation's room as a number of nanoseconds.
var durations = json.JoinOptions(
	json.WithMarshalers(json.MarshalFunc(func(d time.Duration) ([]byte, error) {
		return strconv.AppendInt(nil, int64(d), 10), nil
	})),
	json.WithUnmarshalers(json.UnmarshalFunc(func(data []byte, d *time.Duration) error {
		n, err := strconv.ParseInt(string(data), 10, 64)
		*d = time.Duration(n)
		return err
	})),
)
