package telemetry

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ends makes both ends of what standard error may be.
var ends = map[string]func(t *testing.T) (reader, writer *os.File){
	"a pipe": func(t *testing.T) (reader, writer *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return r, w
	},
	"a socket": func(t *testing.T) (reader, writer *os.File) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	},
	"a terminal": openTerminal,
}

// eachEnd runs the test with every kind of standard error.
func eachEnd(t *testing.T, test func(t *testing.T, reader, writer *os.File)) {
	for name, open := range ends {
		t.Run(name, func(t *testing.T) {
			reader, writer := open(t)
			t.Cleanup(func() { reader.Close(); writer.Close() })
			test(t, reader, writer)
		})
	}
}

// logNumbers logs the numbers from first on.
func logNumbers(log *slog.Logger, first, count int) {
	for n := range count {
		log.LogAttrs(context.Background(), slog.LevelInfo, "Line", slog.Int("number", first+n), slog.String("padding", strings.Repeat("x", 100)))
	}
}

// readLines reads lines until last, and returns their numbers. A notice is the
// negative number of the lines that it says are missing.
func readLines(t *testing.T, r io.Reader, last int) []int {
	t.Helper()
	var numbers []int
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var line struct {
			Message string `json:"msg"`
			Number  int
			Lines   int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %q", err, lines.Text())
		}
		if line.Message == "Log lines dropped" {
			numbers = append(numbers, -line.Lines)
			continue
		}
		numbers = append(numbers, line.Number)
		if line.Number == last {
			return numbers
		}
	}
	t.Fatalf("the last line is missing: %v", lines.Err())
	return nil
}

func TestOutputWithReader(t *testing.T) {
	eachEnd(t, func(t *testing.T, reader, writer *os.File) {
		const count = 3000
		read := make(chan []int, 1)
		go func() { read <- readLines(t, reader, count-1) }()
		out := NewOutput(writer)
		logNumbers(NewLogger(out, "json", "info"), 0, count)
		numbers := <-read
		if len(numbers) != count {
			t.Fatalf("of %d lines, %d were read", count, len(numbers))
		}
		for i, n := range numbers {
			if i != n {
				t.Fatalf("line %d is in the place of line %d", n, i)
			}
		}
	})
}

func TestOutputIsWrittenAtOnce(t *testing.T) {
	eachEnd(t, func(t *testing.T, reader, writer *os.File) {
		// Nothing else runs between the line and the read: it would be there if the
		// process ended here.
		out := NewOutput(writer)
		io.WriteString(out, "panic follows\n") //nolint:errcheck // It never fails.
		buffer := make([]byte, 100)
		n, err := unix.Read(int(reader.Fd()), buffer)
		if err != nil || string(buffer[:n]) != "panic follows\n" {
			t.Errorf("%q, %v", buffer[:n], err)
		}
	})
}

func TestOutputStalls(t *testing.T) {
	eachEnd(t, func(t *testing.T, reader, writer *os.File) {
		before := linesDropped.Load()
		out := NewOutput(writer)
		log := NewLogger(out, "json", "info")
		const count = 20_000 // several times what pipe and buffer hold
		logNumbers(log, 0, count)
		start := time.Now()
		out.Flush(50 * time.Millisecond)
		if took := time.Since(start); took < 50*time.Millisecond || took > 5*time.Second {
			t.Errorf("the flush took %s", took)
		}
		dropped := int(linesDropped.Load() - before)
		if dropped == 0 {
			t.Fatal("no line was dropped")
		}

		// The reader is back. The lines that were kept come first, then the notice.
		read := make(chan []int, 1)
		go func() { read <- readLines(t, reader, count) }()
		out.Flush(10 * time.Second)
		logNumbers(log, count, 1)
		numbers := <-read
		kept := count - dropped
		if len(numbers) != kept+2 {
			t.Fatalf("%d lines were dropped of %d, and %d were read", dropped, count, len(numbers))
		}
		for i, n := range numbers[:kept] {
			if i != n {
				t.Fatalf("line %d is in the place of line %d", n, i)
			}
		}
		if numbers[kept] != -dropped || numbers[kept+1] != count {
			t.Errorf("at the end are %v; %d lines were dropped", numbers[kept:], dropped)
		}
	})
}

func TestOutputWithoutReader(t *testing.T) {
	for _, name := range []string{"a pipe", "a socket"} {
		t.Run(name, func(t *testing.T) {
			reader, writer := ends[name](t)
			defer writer.Close()
			out := NewOutput(writer)
			log := NewLogger(out, "json", "info")
			logNumbers(log, 0, 1)
			reader.Close()
			before := linesDropped.Load()
			logNumbers(log, 1, 100)
			if dropped := linesDropped.Load() - before; dropped != 100 {
				t.Errorf("of 100 lines without a reader, %d are counted", dropped)
			}
			out.Flush(time.Minute) // There is nothing to wait for.
		})
	}
}

func TestOutputLosesReaderInStall(t *testing.T) {
	for _, name := range []string{"a pipe", "a socket"} {
		t.Run(name, func(t *testing.T) {
			reader, writer := ends[name](t)
			defer writer.Close()
			out := NewOutput(writer)
			logNumbers(NewLogger(out, "json", "info"), 0, 3000)
			reader.Close()
			out.Flush(time.Minute)
			out.mu.Lock()
			defer out.mu.Unlock()
			if out.drained != nil || len(out.pending) > 0 {
				t.Errorf("%d bytes wait for a reader that has left", len(out.pending))
			}
		})
	}
}

// TestOutputReaderComes holds the way of a named pipe: another reader may come.
func TestOutputReaderComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := open()
	writer, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	out := NewOutput(writer)
	log := NewLogger(out, "json", "info")
	first.Close()
	logNumbers(log, 0, 5)
	second := open()
	defer second.Close()
	logNumbers(log, 5, 1)
	if got, want := fmt.Sprint(readLines(t, second, 5)), "[-5 5]"; got != want {
		t.Errorf("the new reader has %s, want %s", got, want)
	}
}

func TestOutputToFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	logNumbers(NewLogger(NewOutput(f), "auto", "info"), 0, 100)
	written, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer written.Close()
	if n := len(readLines(t, written, 99)); n != 100 {
		t.Errorf("the file has %d lines of 100", n)
	}
}

// TestOutputLeavesMode holds that other processes with the same standard error
// do not find it in non-blocking mode.
func TestOutputLeavesMode(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	fd := int(writer.Fd()) // From here on it is in blocking mode.
	logNumbers(NewLogger(NewOutput(writer), "json", "info"), 0, 1)
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}
