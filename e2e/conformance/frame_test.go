package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// frame is one frame that a client received.
type frame struct {
	raw  string
	keys []string  // of the object, in the order in which they were sent
	at   time.Time // when it was read

	Type       string
	ID         string `json:"Id"`
	RequestID  string `json:"RequestId"`
	Content    string
	EventName  string
	Attributes map[string]string
	SendTime   string
	Sender     struct {
		UserID     string `json:"UserId"`
		Attributes map[string]string
	}
	ErrorCode    int
	ErrorMessage string
}

func parseFrame(raw string) (frame, error) {
	f := frame{raw: raw, at: time.Now()}
	if err := json.Unmarshal([]byte(raw), &f); err != nil {
		return f, fmt.Errorf("frame %q: %w", raw, err)
	}
	keys, err := keysOf(raw)
	f.keys = keys
	return f, err
}

// keysOf returns the keys of a JSON object in their order.
func keysOf(raw string) ([]string, error) {
	var keys []string
	d := json.NewDecoder(strings.NewReader(raw))
	depth, key := 0, false
	for {
		token, err := d.Token()
		if err != nil {
			if depth == 0 && len(keys) > 0 {
				return keys, nil
			}
			return keys, err
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			key = depth == 1
			if depth == 0 {
				return keys, nil
			}
			continue
		case string:
			if depth == 1 && key {
				keys = append(keys, v)
				key = false
				continue
			}
		}
		if depth == 1 {
			key = true
		}
	}
}

// wantKeys checks the order of a frame's members.
func (f frame) wantKeys(t *testing.T, keys ...string) {
	t.Helper()
	if !slices.Equal(f.keys, keys) {
		t.Errorf("members %v, want %v; in %s", f.keys, keys, f.raw)
	}
}

// wantForm checks what every frame must have.
func (f frame) wantForm(t *testing.T) {
	t.Helper()
	if !idForm.MatchString(f.ID) {
		t.Errorf("Id %q", f.ID)
	}
	if f.Type == "ERROR" {
		f.wantKeys(t, "Type", "Id", "RequestId", "ErrorCode", "ErrorMessage")
		if f.ErrorMessage == "" {
			t.Errorf("ErrorMessage is empty: %s", f.raw)
		}
		return
	}
	if !timeForm.MatchString(f.SendTime) || strings.HasSuffix(f.SendTime, "0Z") && !strings.HasSuffix(f.SendTime, ".0Z") {
		t.Errorf("SendTime %q, want UTC with a fraction whose trailing zeros are cut", f.SendTime)
	}
	if f.Type == "EVENT" {
		f.wantKeys(t, "Type", "Id", "RequestId", "EventName", "Attributes", "SendTime")
		return
	}
	f.wantKeys(t, "Type", "Id", "RequestId", "Attributes", "Content", "SendTime", "Sender")
}
