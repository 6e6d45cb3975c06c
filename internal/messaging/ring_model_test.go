package messaging_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// archive is a history that knows deletions and erasures at once.
type archive struct {
	w  *live
	mu sync.Mutex
	// gone are the ids of messages that were deleted or erased.
	gone map[string]bool
}

func (a *archive) Latest(_ context.Context, _ string, n int, notBefore time.Time) ([]*chat.Frame, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(a.w.Appended()), func(f *chat.Frame) bool {
		return f.Type != chat.MessageFrame || a.gone[f.ID] || f.Time.Before(notBefore)
	})
	return all[max(len(all)-n, 0):], nil
}

func (*archive) Sender(context.Context, string, string) (userID string, hidden bool, err error) {
	return "", false, nil
}

func (a *archive) remove(which func(f *chat.Frame) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.w.Appended() {
		if which(f) {
			a.gone[f.ID] = true
		}
	}
}

// ringModel is a room with history, and what those who join it should get.
type ringModel struct {
	*live
	archive *archive
	output  *replayer
	keep    time.Duration
	joins   int
	sent    int
}

// TestRingModel compares what connections get first with a model of the room, through
// messages, deletions, erasures, expiry, changes of the tags, times without sessions, and
// restarts.
func TestRingModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{
			"post", "post", "post", "many", "delete", "erase", "join", "join", "leave", "wait", "wait", "keep", "restart",
		}), 1, 40).Draw(rt, "steps")
		seed := rapid.SliceOfN(rapid.IntRange(0, 1000), len(steps), len(steps)).Draw(rt, "choices")
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			m := &ringModel{archive: &archive{gone: map[string]bool{}}, keep: time.Hour}
			m.start(t)
			for i, step := range steps {
				if wrong = m.step(t, step, seed[i]); wrong != "" {
					wrong = fmt.Sprintf("step %d, %s: %s", i, step, wrong)
					return
				}
			}
			wrong = m.join(t, 200)
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// start starts the engine with what was stored so far.
func (m *ringModel) start(t *testing.T) {
	var store *live
	if m.live != nil {
		m.engine.Close()
		store = m.live
	}
	m.output = &replayer{}
	m.live = newLive(t, func(o *messaging.Options, w *live) {
		if store != nil {
			w.Store = store.Store
			o.Rooms, o.Tokens, o.Reviewer, o.Transcript = w, w, w, w
		}
		o.Extensions, o.History = true, m.archive
		o.NewAudience = func() messaging.Audience { return m.output }
		w.Change(roomID, func(r *chat.Room) { r.MaximumMessageRatePerSecond = 100 })
		m.archive.w = w
	})
	m.setKeep(m.keep)
}

func (m *ringModel) setKeep(keep time.Duration) {
	m.keep = keep
	m.change(func(r *chat.Room) {
		r.Tags = map[string]string{"confab:history": "off", "confab:history-on-join": "3"}
		if keep > 0 {
			r.Tags["confab:history"] = keep.String()
		}
	})
}

// step does one thing. choice decides the details. It returns what was wrong.
func (m *ringModel) step(t *testing.T, step string, choice int) string {
	switch step {
	case "post":
		m.posts(t, 1+choice%3)
	case "many":
		m.posts(t, 230)
	case "delete":
		all := slices.DeleteFunc(slices.Clone(m.Appended()), func(f *chat.Frame) bool { return f.Type != chat.MessageFrame })
		if len(all) == 0 {
			return ""
		}
		id := all[choice%len(all)].ID
		if _, err := m.engine.DeleteMessage(t.Context(), roomID, id, "", "arn"); err != nil {
			return err.Error()
		}
		m.archive.remove(func(f *chat.Frame) bool { return f.ID == id })
	case "erase":
		user := fmt.Sprint("user", choice%3)
		m.archive.remove(func(f *chat.Frame) bool { return f.UserID == user })
		messaging.EraseUser(m.engine, []string{"", roomID}[choice%2], user, time.Now())
		time.Sleep(time.Millisecond) // What is sent later stays.
	case "join":
		return m.join(t, []int{1, 5, 100, 200}[choice%4])
	case "leave":
		return m.joinThen(t, 3, (*messaging.Session).Leave)
	case "wait":
		// The room stays live for five seconds; messages expire after one minute or an hour.
		time.Sleep([]time.Duration{time.Second, 6 * time.Second, 61 * time.Second, 61 * time.Minute}[choice%4])
	case "keep":
		m.setKeep([]time.Duration{0, time.Minute, time.Hour}[choice%3])
	case "restart":
		m.start(t)
	}
	return ""
}

func (m *ringModel) posts(t *testing.T, n int) {
	for range n {
		m.sent++
		message := &messaging.ServerMessage{UserID: fmt.Sprint("user", m.sent%3), Content: strconv.Itoa(m.sent)}
		if _, _, err := m.engine.SendMessage(t.Context(), roomID, message); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(time.Second) // The room's rate is full again.
}

func (m *ringModel) join(t *testing.T, n int) string {
	return m.joinThen(t, n, func(s *messaging.Session) { t.Cleanup(s.Leave) })
}

// joinThen joins and compares what the connection gets first with the model.
func (m *ringModel) joinThen(t *testing.T, n int, then func(*messaging.Session)) string {
	time.Sleep(time.Second) // So often a room's history is read.
	m.joins++
	token := m.token(fmt.Sprint("viewer", m.joins))
	s, err := m.engine.Join(t.Context(), token, nil, messaging.Client{History: strconv.Itoa(n)})
	if err != nil {
		return err.Error()
	}
	defer then(s)
	var want []string
	if m.keep > 0 {
		all, _ := m.archive.Latest(t.Context(), roomID, n, time.Now().Add(-m.keep))
		for _, f := range all {
			want = append(want, contentOf(string(f.JSON)))
		}
	}
	return cmp.Diff(want, m.output.start(s)())
}
