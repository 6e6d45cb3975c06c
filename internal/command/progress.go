package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// progressPause is the time between two lines where there is no terminal.
const progressPause = 10 * time.Second

// Progress shows how far long work is: a line that changes on a terminal, and a line every
// ten seconds elsewhere.
type Progress struct {
	out   io.Writer
	width int
	last  time.Time
	shown bool
}

// NewProgress makes one that writes to standard error.
func NewProgress(out io.Writer) *Progress {
	return &Progress{out: out, width: terminalWidth(out), last: time.Now()}
}

// Show shows the progress. One goroutine at a time calls it.
func (p *Progress) Show(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if p.width > 0 {
		fmt.Fprintf(p.out, "\r%s%s", ansi.Truncate(line, p.width-1, ellipsis), ansi.EraseLineRight)
		p.shown = true
		return
	}
	if time.Since(p.last) >= progressPause {
		p.last = time.Now()
		fmt.Fprintln(p.out, line)
	}
}

// Done removes the line from the terminal.
func (p *Progress) Done() {
	if p.shown {
		fmt.Fprint(p.out, "\r"+ansi.EraseEntireLine)
	}
}

// IsTerminal reports whether a stream of the environment is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
