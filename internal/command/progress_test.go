package command

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestProgress holds that there is a line every ten seconds where there is no terminal.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := NewProgress(&out)
		for n := 1; n <= 350; n++ {
			time.Sleep(100 * time.Millisecond)
			p.Count(n, 1000, "rooms")
		}
		p.Done()
		want := []string{
			"10 %, 100 of 1000 rooms, 10/s, 1m30s left",
			"20 %, 200 of 1000 rooms, 10/s, 1m20s left",
			"30 %, 300 of 1000 rooms, 10/s, 1m10s left",
			"",
		}
		if diff := cmp.Diff(want, strings.Split(out.String(), "\n")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestProgress_modes holds that nothing asks a stream for its descriptor in a way that changes
// it: a pipe whose reader stalls keeps its deadline.
func TestProgress_modes(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if IsTerminal(write) || terminalWidth(write) != 0 {
		t.Error("a pipe is a terminal")
	}
	p := NewProgress(write)
	p.Count(1, 2, "rooms")
	p.Done()
	if err := write.SetWriteDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Errorf("the pipe is in blocking mode: %v", err)
	}
	write.Close()
	for _, stream := range []any{write, (*os.File)(nil), &strings.Builder{}, nil} {
		if IsTerminal(stream) || terminalWidth(stream) != 0 {
			t.Errorf("%#v is a terminal", stream)
		}
	}
}

// FuzzPlain holds that nothing of what others wrote reaches a terminal as a command.
func FuzzPlain(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31mred\x1b[0m\r\nnext\u202eturned\u2028\u009b1m")
	commands := regexp.MustCompile("[\x00-\x1f\x7f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Plain(s); commands.MatchString(got) || Plain(got) != got {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
