package command

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

const (
	// progressPause is the time between two lines where there is no terminal.
	progressPause = 10 * time.Second
	// redraw is the time between two pictures of a bar.
	redraw = 100 * time.Millisecond
	// barWidth is the width of a bar without its brackets.
	barWidth = 20
)

// Progress shows how far long work is: a bar on a terminal, and a line every ten seconds
// elsewhere.
type Progress struct {
	out         io.Writer
	width       int
	began, last time.Time
	shown       bool
}

// NewProgress makes one that writes to standard error.
func NewProgress(out io.Writer) *Progress {
	return &Progress{out: out, width: terminalWidth(out), began: time.Now(), last: time.Now()}
}

// Count shows that n of all objects are done. One goroutine at a time calls these methods.
func (p *Progress) Count(n, all int, what string) {
	p.Part(float64(n)/float64(max(all, 1)), n, fmt.Sprintf("%d of %d %s", n, all, what))
}

// Part shows that a part of the work is done, from 0 to 1, and that it was n objects. The rate
// and the time that is left follow from the time until now.
func (p *Progress) Part(part float64, n int, text string) {
	spent := time.Since(p.began)
	left := time.Duration(0)
	if part > 0 {
		left = time.Duration(float64(spent) * (1 - part) / part)
	}
	p.Bar(part, left, fmt.Sprintf("%s, %.0f/s", text, float64(n)/max(spent.Seconds(), 1e-3)))
}

// Bar shows a part of the work, from 0 to 1, the time that is left, and a text.
func (p *Progress) Bar(part float64, left time.Duration, text string) {
	part = min(max(part, 0), 1)
	pause := progressPause
	if p.width > 0 {
		pause = redraw
	}
	if time.Since(p.last) < pause {
		return
	}
	p.last = time.Now()
	if part > 0 {
		text += ", " + left.Round(time.Second).String() + " left"
	}
	if p.width == 0 {
		fmt.Fprintf(p.out, "%.0f %%, %s\n", part*100, text)
		return
	}
	done := int(part * barWidth)
	bar := strings.Repeat("█", done) + strings.Repeat("░", barWidth-done)
	fmt.Fprintf(p.out, "\r%s%s", ansi.Truncate(fmt.Sprintf("%s %3.0f %%  %s", bar, part*100, text), p.width-1, ellipsis), ansi.EraseLineRight)
	p.shown = true
}

// Done removes the bar from the terminal.
func (p *Progress) Done() {
	if p.shown {
		fmt.Fprint(p.out, "\r"+ansi.EraseEntireLine)
	}
}
