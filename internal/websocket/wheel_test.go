package websocket

import (
	"testing"

	"pgregory.net/rapid"
)

// The wheel must visit every connection at its tick, or earlier if that is more than a
// turn ahead, and must not lose a connection.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		conns := make([]Conn, 20)
		due := make(map[*Conn]int64)
		start := rapid.Int64Range(0, 5000).Draw(t, "start")
		w.advance(start, func(*Conn) { t.Fatal("looked at a connection of an empty wheel") })
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				c := &conns[rapid.IntRange(0, len(conns)-1).Draw(t, "conn")]
				tick := w.now + rapid.Int64Range(-5, 2*wheelSlots).Draw(t, "ahead")
				w.set(c, tick)
				due[c] = min(max(tick, w.now+1), w.now+wheelSlots-1)
			},
			"remove": func(t *rapid.T) {
				c := &conns[rapid.IntRange(0, len(conns)-1).Draw(t, "conn")]
				w.remove(c)
				delete(due, c)
			},
			"advance": func(t *rapid.T) {
				to := w.now + rapid.Int64Range(0, 3*wheelSlots).Draw(t, "by")
				w.advance(to, func(c *Conn) {
					tick, ok := due[c]
					if !ok || tick > to {
						t.Fatalf("looked at a connection at %d that is due at %d (%v)", to, tick, ok)
					}
					delete(due, c)
				})
				for _, tick := range due {
					if tick <= to {
						t.Fatalf("missed a connection that was due at %d, now %d", tick, to)
					}
				}
			},
			"": func(t *rapid.T) {
				want := int64(0)
				for _, tick := range due {
					if want == 0 || tick < want {
						want = tick
					}
				}
				if got := w.next(); got != want {
					t.Fatalf("next = %d, want %d; now %d", got, want, w.now)
				}
			},
		})
	})
}

// A connection that is set again during its visit is not visited twice in one tick.
func TestWheelSetWhileLooking(t *testing.T) {
	var w wheel
	var c Conn
	w.set(&c, 1)
	for tick := int64(1); tick <= 3*wheelSlots; tick++ {
		looks := 0
		w.advance(tick, func(c *Conn) {
			looks++
			w.set(c, 0)
		})
		if looks != 1 {
			t.Fatalf("%d looks at tick %d", looks, tick)
		}
	}
}
