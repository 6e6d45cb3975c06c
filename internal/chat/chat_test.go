package chat_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"confab/internal/chat"
)

func TestNewTokenID(t *testing.T) {
	now := time.Now()
	a, b, later := chat.NewTokenID(now), chat.NewTokenID(now), chat.NewTokenID(now.Add(time.Millisecond))
	if a == b {
		t.Errorf("two tokens have the id %x", a)
	}
	if bytes.Compare(a[:], later[:]) >= 0 || bytes.Compare(b[:], later[:]) >= 0 {
		t.Errorf("%x and %x do not stand before %x, which came later", a, b, later)
	}
}

func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	for range 10_000 {
		id := chat.NewID()
		if !chat.ValidID(id) {
			t.Fatalf("%q is not an id", id)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
}

func TestValidID(t *testing.T) {
	for s, want := range map[string]bool{
		"abcDEF123456": true, "abcDEF12345": false, "abcDEF1234567": false, "abcDEF12345-": false, "": false, "äbcDEF12345": false,
	} {
		if got := chat.ValidID(s); got != want {
			t.Errorf("ValidID(%q) = %v", s, got)
		}
	}
}

func TestParseARN(t *testing.T) {
	for _, s := range []string{
		"arn:aws:ivschat:us-west-2:123456789012:room/abcdefABCDEF",
		"arn:aws:ivschat:eu-central-1:000000000000:logging-configuration/AbC-1",
	} {
		a, err := chat.ParseARN(s)
		if err != nil || a.String() != s {
			t.Errorf("ParseARN(%q) = %v, %v", s, a, err)
		}
	}
	for name, s := range map[string]string{
		"a bare id":          "abcdefABCDEF",
		"another service":    "arn:aws:ivs:us-west-2:123456789012:room/abcdefABCDEF",
		"another partition":  "arn:aws-cn:ivschat:us-west-2:123456789012:room/abcdefABCDEF",
		"no region":          "arn:aws:ivschat::123456789012:room/abcdefABCDEF",
		"upper-case region":  "arn:aws:ivschat:US:123456789012:room/abcdefABCDEF",
		"account of letters": "arn:aws:ivschat:us-west-2:x:room/abcdefABCDEF",
		"another type":       "arn:aws:ivschat:us-west-2:123456789012:channel/abcdefABCDEF",
		"no id":              "arn:aws:ivschat:us-west-2:123456789012:room/",
		"a path as id":       "arn:aws:ivschat:us-west-2:123456789012:room/a/b",
		"no resource":        "arn:aws:ivschat:us-west-2:123456789012",
		"too long":           "arn:aws:ivschat:us-west-2:123456789012:room/" + strings.Repeat("a", 100),
	} {
		if a, err := chat.ParseARN(s); err == nil {
			t.Errorf("%s: ParseARN(%q) = %v", name, s, a)
		}
	}
}

func TestFrames(t *testing.T) {
	at := time.Date(2024, 5, 1, 10, 0, 0, 123456789, time.UTC)
	for name, c := range map[string]struct{ got, want string }{
		"a message without attributes": {
			string((&chat.Message{ID: "Qm3xT81bKzP0", Content: "hello", SendTime: at, UserID: "u-1"}).AppendJSON(nil)),
			`{"Type":"MESSAGE","Id":"Qm3xT81bKzP0","RequestId":"","Attributes":null,"Content":"hello","SendTime":"2024-05-01T10:00:00.123456789Z","Sender":{"UserId":"u-1","Attributes":{}}}`,
		},
		"a message with attributes": {
			string((&chat.Message{ID: "i", RequestID: "r", Attributes: map[string]string{"b": "2", "a": "1"}, Content: "\"\\\n", SendTime: at.Truncate(time.Second), UserID: "u", SenderAttributes: map[string]string{"n": "é"}}).AppendJSON(nil)),
			`{"Type":"MESSAGE","Id":"i","RequestId":"r","Attributes":{"a":"1","b":"2"},"Content":"\"\\\n","SendTime":"2024-05-01T10:00:00.0Z","Sender":{"UserId":"u","Attributes":{"n":"é"}}}`,
		},
		"an event": {
			string((&chat.Event{ID: "i", Name: "app:x", Attributes: map[string]string{"k": "v"}, SendTime: at.Truncate(time.Millisecond)}).AppendJSON(nil)),
			`{"Type":"EVENT","Id":"i","RequestId":"","EventName":"app:x","Attributes":{"k":"v"},"SendTime":"2024-05-01T10:00:00.123Z"}`,
		},
		"an error": {
			string((&chat.Failure{ID: "i", RequestID: "r", Code: 429, Message: "rate limit exceeded"}).AppendJSON(nil)),
			`{"Type":"ERROR","Id":"i","RequestId":"r","ErrorCode":429,"ErrorMessage":"rate limit exceeded"}`,
		},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, c.got, c.want)
		}
	}
}

// TestFrameIsJSON: whatever the strings hold, the frame is JSON that says the same.
func TestFrameIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := chat.Message{
			ID: rapid.String().Draw(t, "id"), RequestID: rapid.String().Draw(t, "request"), Content: rapid.String().Draw(t, "content"),
			UserID: rapid.String().Draw(t, "user"), SendTime: time.Unix(0, rapid.Int64().Draw(t, "time")),
			Attributes: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "attributes"),
		}
		var got struct {
			ID         string `json:"Id"`
			RequestID  string `json:"RequestId"`
			Content    string
			Attributes map[string]string
			Sender     struct {
				UserID string `json:"UserId"`
			}
		}
		frame := m.AppendJSON(nil)
		if err := json.Unmarshal(frame, &got); err != nil {
			t.Fatalf("%s: %v", frame, err)
		}
		if got.ID != m.ID || got.RequestID != m.RequestID || got.Content != m.Content || got.Sender.UserID != m.UserID || len(got.Attributes) != len(m.Attributes) {
			t.Fatalf("%s says something else than %+v", frame, m)
		}
	})
}

// TestAppendWithoutRequestID: only the request id is gone.
func TestAppendWithoutRequestID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := chat.Message{
			ID: rapid.String().Draw(t, "id"), RequestID: rapid.String().Draw(t, "request"), Content: rapid.String().Draw(t, "content"),
			UserID: rapid.String().Draw(t, "user"), SendTime: time.Unix(0, 0),
		}
		frame := m.AppendJSON(nil)
		m.RequestID = ""
		if got, want := string(chat.AppendWithoutRequestID(nil, frame)), string(m.AppendJSON(nil)); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
	event := (&chat.Event{ID: "i", RequestID: "r", Name: "e"}).AppendJSON(nil)
	if got := chat.AppendWithoutRequestID(nil, event); string(got) != string(event) {
		t.Errorf("an event became %s", got)
	}
}

// TestFormatTime: every time has a fraction and is read back exactly.
func TestFormatTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		s := chat.FormatTime(at)
		back, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || !back.Equal(at) || !strings.Contains(s, ".") || !strings.HasSuffix(s, "Z") {
			t.Fatalf("%v became %s (%v)", at, s, err)
		}
	})
}

func TestWire(t *testing.T) {
	for c := chat.Internal; c.Known(); c++ {
		if w := c.Wire(); w.ErrorCode == 0 || (w.Exception == "") != (w.Status == 0) || (w.HandshakeException == "") != (w.HandshakeStatus == 0) {
			t.Errorf("%v is told as %+v", c, w)
		}
	}
	if chat.Code(99).Wire() != chat.Internal.Wire() {
		t.Error("an unknown code is not told as an internal error")
	}
}
