package journal

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// pages is what an intake writes to.
type pages struct {
	mu      sync.Mutex // guards what follows
	written []string
	slow    time.Duration
	trouble []error
}

func (p *pages) store(frames []*chat.Frame) {
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	time.Sleep(slow)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range frames {
		p.written = append(p.written, f.ID)
	}
}

func (p *pages) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = append(p.trouble, err)
}

func (p *pages) setSlow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = d
}

func (p *pages) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.written)
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestIntake(t *testing.T) {
	t.Parallel()
	with := func(t *testing.T, test func(t *testing.T, p *pages, in *Intake, put func(id string) <-chan struct{})) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p := &pages{}
			in := NewIntake(p.store, p.note)
			go in.Run()
			test(t, p, in, func(id string) <-chan struct{} {
				t.Helper()
				done, err := in.Add(&chat.Frame{ID: id})
				if err != nil {
					t.Fatal(err)
				}
				return done
			})
			in.Close()
			synctest.Wait()
		})
	}
	t.Run("a frame is written when Write returns, without another goroutine", func(t *testing.T) {
		with(t, func(t *testing.T, p *pages, in *Intake, put func(string) <-chan struct{}) {
			done := put("a")
			synctest.Wait()
			if isDone(done) || len(p.all()) > 0 {
				t.Fatal("it is written before anything asks for that")
			}
			in.Write()
			if !isDone(done) || !slices.Equal(p.all(), []string{"a"}) {
				t.Errorf("written are %v, done: %t", p.all(), isDone(done))
			}
		})
	})
	t.Run("frames that come during a write are written next, in order", func(t *testing.T) {
		with(t, func(t *testing.T, p *pages, in *Intake, put func(string) <-chan struct{}) {
			p.setSlow(time.Second)
			first := put("a")
			go in.Write()
			synctest.Wait()
			second, third := put("b"), put("c")
			in.Write() // It does not wait for the other one.
			if isDone(first) || isDone(second) {
				t.Error("a frame is done before it is written")
			}
			<-first
			if isDone(second) {
				t.Error("a frame is done before it is written")
			}
			<-third
			if !slices.Equal(p.all(), []string{"a", "b", "c"}) {
				t.Errorf("written are %v", p.all())
			}
		})
	})
	t.Run("WakeUp is enough", func(t *testing.T) {
		with(t, func(_ *testing.T, _ *pages, in *Intake, put func(string) <-chan struct{}) {
			done := put("a")
			in.WakeUp()
			<-done
		})
	})
	t.Run("no caller waits long for a write that hangs", func(t *testing.T) {
		with(t, func(t *testing.T, p *pages, in *Intake, put func(string) <-chan struct{}) {
			p.setSlow(time.Hour)
			first := put("a")
			go in.Write()
			synctest.Wait()
			second := put("b")
			time.Sleep(stallAfter - time.Millisecond)
			if isDone(first) || isDone(second) {
				t.Error("they are released before the time")
			}
			time.Sleep(2 * time.Millisecond)
			third := put("c")
			if !isDone(first) || !isDone(second) || !isDone(third) {
				t.Error("a caller waits")
			}
			p.setSlow(time.Second)
			time.Sleep(time.Hour)
			fourth := put("d")
			go in.Write()
			synctest.Wait()
			if isDone(fourth) {
				t.Error("after the trouble, a frame is done before it is written")
			}
			<-fourth
			if !slices.Equal(p.all(), []string{"a", "b", "c", "d"}) {
				t.Errorf("written are %v", p.all())
			}
			if len(p.trouble) != 2 || p.trouble[0] == nil || p.trouble[1] != nil {
				t.Errorf("trouble told: %v, want the stall and its end", p.trouble)
			}
		})
	})
	t.Run("after Close, what was added is written and nothing more is taken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &pages{}
			in := NewIntake(p.store, p.note)
			if _, err := in.Add(&chat.Frame{ID: "a"}); err != nil {
				t.Fatal(err)
			}
			in.Close()
			in.Close()
			in.Run()
			if _, err := in.Add(&chat.Frame{ID: "b"}); err == nil || !slices.Equal(p.all(), []string{"a"}) {
				t.Errorf("written are %v, the next one: %v", p.all(), err)
			}
		})
	})
}

// TestIntakeRace has many goroutines add and write: each frame is written once, those of one
// goroutine in order, and no caller waits for ever.
func TestIntakeRace(t *testing.T) {
	t.Parallel()
	p := &pages{}
	in := NewIntake(p.store, p.note)
	var run, senders sync.WaitGroup
	run.Go(in.Run)
	const goroutines, frames = 8, 500
	for g := range goroutines {
		senders.Go(func() {
			for i := range frames {
				done, err := in.Add(&chat.Frame{ID: fmt.Sprintf("%d %03d", g, i)})
				if err != nil {
					t.Error(err)
					return
				}
				in.Write()
				<-done
			}
		})
	}
	senders.Wait()
	in.Close()
	run.Wait()
	all := p.all()
	if len(all) != goroutines*frames {
		t.Fatalf("%d frames are written, want %d", len(all), goroutines*frames)
	}
	for g := range goroutines {
		prefix := fmt.Sprint(g, " ")
		n := 0
		for _, id := range all {
			if id[:len(prefix)] == prefix {
				if want := fmt.Sprintf("%d %03d", g, n); id != want {
					t.Fatalf("frame %q comes where %q should", id, want)
				}
				n++
			}
		}
	}
}
