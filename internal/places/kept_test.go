package places

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/rfc6455"
)

// kept is a history of one room.
type kept struct {
	frames []history.Message
	keep   time.Duration
	err    error
}

func (k *kept) Retention(context.Context, string) (time.Duration, error) { return k.keep, nil }

func (k *kept) Delivered(_ context.Context, _ string, from time.Time, yield func(*history.Message) error) error {
	for i := range k.frames {
		if m := &k.frames[i]; !m.SendTime.Before(from) {
			if err := yield(m); err != nil {
				return err
			}
		}
	}
	return k.err
}

// add adds frames of eve, of one epoch, to the history.
func (k *kept) add(epoch, from, to uint64, at time.Time) {
	for i := from; i <= to; i++ {
		k.frames = append(k.frames, history.Message{
			Epoch: epoch, Sequence: i, Type: chat.MessageFrame, SendTime: at, UserID: "eve", Frame: fmt.Appendf(nil, "%d/%d", epoch, i),
		})
	}
}

// framed is what a connection gets of frames of the history.
func framed(names ...string) string {
	var all []byte
	for _, name := range names {
		all = rfc6455.AppendFrame(all, rfc6455.Text, []byte(name))
	}
	return string(all)
}

// TestKept has all nodes killed, and clients come back to a room with history. The record says
// that ann and bob have frame 3.
func TestKept(t *testing.T) {
	now := time.Now()
	start := func(t *testing.T, cluster bool) (restart func(epoch, sequence uint64) *node, k *kept) {
		path, name := filepath.Join(t.TempDir(), "places"), 0
		k = &kept{keep: time.Hour}
		var others *net
		if cluster {
			others = &net{nodes: map[string]*node{}}
		}
		restart = func(epoch, sequence uint64) *node {
			name++
			n := others.start(t, fmt.Sprint("a", name), path)
			n.History, n.confirmed, n.begins = k, map[string]uint64{}, chat.Point{Epoch: epoch, Sequence: sequence}
			return n
		}
		a := restart(7, 0)
		a.joins(t, "ann")
		a.joins(t, "bob")
		for i := range uint64(3) {
			a.log.Append([]byte("live"), "eve", chat.Point{Epoch: 7, Sequence: i + 1})
		}
		a.confirmed["ann"], a.confirmed["bob"] = a.log.End(), a.log.End()
		a.kill(t)
		k.add(7, 1, 3, now.Add(-time.Second))
		k.add(7, 4, 5, now.Add(time.Hour)) // They came after the record.
		return restart, k
	}
	for _, cluster := range []bool{false, true} {
		t.Run(fmt.Sprintf("in a cluster %t", cluster), func(t *testing.T) {
			t.Run("they get what they missed, each what is for them", func(t *testing.T) {
				restart, k := start(t, cluster)
				k.frames[3].Hidden, k.frames[3].UserID = true, "bob"
				b := restart(9, 0)
				b.wantMissed(t, "ann", framed("7/5"))
				b.wantMissed(t, "bob", framed("7/4", "7/5"))
				b.wantMissed(t, "new", "")
			})
			t.Run("nothing was missed", func(t *testing.T) {
				restart, k := start(t, cluster)
				k.frames = k.frames[:3]
				restart(9, 0).wantMissed(t, "ann", "")
			})
			for name, spoil := range map[string]func(k *kept){
				"some may have expired":            func(k *kept) { k.keep = time.Minute },
				"the room keeps none":              func(k *kept) { k.keep = 0 },
				"the database does not answer":     func(k *kept) { k.err = errors.New("away") },
				"there are more than memory takes": func(k *kept) { k.frames[4].Frame = make([]byte, mostKept) },
			} {
				t.Run(name, func(t *testing.T) {
					restart, k := start(t, cluster)
					spoil(k)
					wantGap(t, restart(9, 0).joins(t, "ann"), true)
				})
			}
			t.Run("a user who was disconnected since gets nothing", func(t *testing.T) {
				restart, _ := start(t, cluster)
				b := restart(9, 0)
				b.restore("room", b.live())
				b.log.Void("ann", chat.Point{Epoch: 9, Sequence: 1})
				b.wantMissed(t, "ann", "")
				b.wantMissed(t, "bob", framed("7/4", "7/5"))
			})
		})
	}
	t.Run("the record is read before the room's frames come", func(t *testing.T) {
		restart, _ := start(t, true)
		b := restart(9, 0)
		b.log = catchup.NewMemory(1 << 20).NewLog(time.Minute)
		b.restore("room", b.log)
		b.log.Begin(b.begins)
		b.wantMissed(t, "ann", framed("7/4", "7/5"))
	})
	t.Run("also after another kill, on a node of its own", func(t *testing.T) {
		restart, k := start(t, false)
		b := restart(9, 0)
		b.restore("room", b.live())
		b.kill(t)
		k.add(9, 1, 1, now.Add(time.Hour))
		restart(11, 0).wantMissed(t, "ann", framed("7/4", "7/5", "9/1"))
	})
	t.Run("after another kill of a cluster, the frames are lost", func(t *testing.T) {
		restart, _ := start(t, true)
		b := restart(2, 0)
		b.restore("room", b.live())
		b.kill(t)
		wantGap(t, restart(2, 0).joins(t, "ann"), true)
	})
	t.Run("frames of the new nodes come behind them, though their numbers are lower", func(t *testing.T) {
		restart, k := start(t, true)
		k.add(2, 1, 3, now.Add(2*time.Hour))
		b := restart(2, 2) // It gets the frames behind the second one.
		b.live().Append([]byte("live"), "eve", chat.Point{Epoch: 2, Sequence: 3})
		b.wantMissed(t, "ann", framed("7/4", "7/5", "2/1", "2/2")+"live")
	})
	t.Run("the clock was set back", func(t *testing.T) {
		restart, _ := start(t, false)
		wantGap(t, restart(5, 0).joins(t, "ann"), true)
	})
}
