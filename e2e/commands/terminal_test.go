package commands

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// screenTime is how long a test waits for what is about to be on the screen.
const screenTime = 20 * time.Second

// terminal is a program in a pseudo-terminal. An emulator keeps what a person would see.
type terminal struct {
	t      *testing.T
	pty    *os.File
	screen *vt.SafeEmulator
	raw    chan []byte // what the program wrote, chunk by chunk
	wrote  []byte      // of that what was read
	done   chan error  // the program's end
	ended  bool
}

// startTerminal runs confab with arguments in a terminal of a size.
func startTerminal(t *testing.T, env []string, columns, rows int, args ...string) *terminal {
	t.Helper()
	return startProgram(t, append([]string{runConfab + "=1"}, env...), columns, rows, os.Args[0], args...)
}

// startProgram runs any program in a terminal.
func startProgram(t *testing.T, env []string, columns, rows int, program string, args ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{"TERM=xterm-256color"}, env...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	p := &terminal{
		t: t, pty: tty, screen: vt.NewSafeEmulator(columns, rows),
		raw: make(chan []byte, 1024), done: make(chan error, 1),
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.raw)
		for {
			b := make([]byte, 4096)
			n, err := tty.Read(b)
			if n > 0 {
				p.raw <- b[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	// The answers of the terminal to questions of the program.
	go func() {
		b := make([]byte, 256)
		for {
			n, err := p.screen.Read(b)
			if err != nil {
				return
			}
			_, _ = tty.Write(b[:n])
		}
	}()
	go func() { p.done <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		if !p.ended {
			<-p.done //nolint:errcheck // The end of the context has killed it.
		}
		tty.Close()
		for range p.raw {
		}
		<-read
	})
	return p
}

// keys types.
func (p *terminal) keys(s string) {
	p.t.Helper()
	if _, err := p.pty.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

// rows returns what is on the screen, without the blanks at the ends of rows.
func (p *terminal) rows() []string {
	var rows []string
	for y := range p.screen.Height() {
		var row strings.Builder
		for x := 0; x < p.screen.Width(); x++ {
			cell := p.screen.CellAt(x, y)
			if cell == nil || cell.Width == 0 {
				continue
			}
			row.WriteString(cell.Content)
		}
		rows = append(rows, strings.TrimRight(row.String(), " "))
	}
	return rows
}

// until waits until the screen is as wanted.
func (p *terminal) until(what string, ok func(rows []string) bool) {
	p.t.Helper()
	timeout := time.After(screenTime)
	for !ok(p.rows()) {
		select {
		case b, open := <-p.raw:
			if !open {
				p.t.Fatalf("the program ended before there was %s:\n%s", what, strings.Join(p.rows(), "\n"))
			}
			p.wrote = append(p.wrote, b...)
			if _, err := p.screen.Write(b); err != nil {
				p.t.Fatal(err)
			}
		case <-timeout:
			p.t.Fatalf("there is no %s:\n%s", what, strings.Join(p.rows(), "\n"))
		}
	}
}

// shows waits until each text is in a row.
func (p *terminal) shows(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until(text, func(rows []string) bool { return strings.Contains(strings.Join(rows, "\n"), text) })
	}
}

// hides waits until no row has the text.
func (p *terminal) hides(text string) {
	p.t.Helper()
	p.until("screen without "+text, func(rows []string) bool { return !strings.Contains(strings.Join(rows, "\n"), text) })
}

// resize changes the size of the terminal.
func (p *terminal) resize(columns, rows int) {
	p.t.Helper()
	p.screen.Resize(columns, rows)
	if err := pty.Setsize(p.pty, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end of the program, and returns its exit status and all that it wrote.
func (p *terminal) ends() (status int, wrote string) {
	p.t.Helper()
	timeout := time.After(screenTime)
	for open := true; open; {
		var b []byte
		select {
		case b, open = <-p.raw:
			p.wrote = append(p.wrote, b...)
			_, _ = p.screen.Write(b)
		case <-timeout:
			p.t.Fatalf("the program does not end:\n%s", strings.Join(p.rows(), "\n"))
		}
	}
	err := <-p.done
	p.ended = true
	if exit, failed := err.(*exec.ExitError); failed { //nolint:errorlint // Wait returns it as it is.
		status = exit.ExitCode()
	} else if err != nil {
		p.t.Fatal(err)
	}
	return status, string(p.wrote)
}
