package client

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"confab/internal/command"
)

// progress is a bar on a terminal. Elsewhere it shows nothing.
type progress struct {
	out   io.Writer // nil shows nothing
	last  time.Time // of the last change
	count int
}

const (
	progressEvery = 100 * time.Millisecond
	progressWidth = 30
)

// newProgress returns a bar on standard error. A result on the same terminal needs none.
func newProgress(env command.Environment, toOutput bool) *progress {
	p := &progress{}
	if terminal(env.Err) && (!toOutput || !terminal(env.Out)) {
		p.out = env.Err
	}
	return p
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// show counts one message and shows how far its time is between two others.
func (p *progress) show(at, first, last time.Time) {
	p.count++
	if p.out == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	part := 1.0
	if span := last.Sub(first); span > 0 {
		part = min(max(float64(at.Sub(first))/float64(span), 0), 1)
	}
	n := int(part * progressWidth)
	fmt.Fprintf(p.out, "\r[%s%s] %3.0f %%  %d messages", strings.Repeat("#", n), strings.Repeat(" ", progressWidth-n), part*100, p.count)
}

// end removes the bar.
func (p *progress) end() {
	if p.out != nil && !p.last.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
