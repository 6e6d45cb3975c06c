package review

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// maxLine is how much of a line is logged, in bytes.
const maxLine = 2 << 10

// lines logs the output of a handler's program line by line. The level is debug,
// because the output may quote users.
type lines struct {
	log *slog.Logger

	mu   sync.Mutex // guards rest
	rest []byte     // the beginning of a line
}

func (l *lines) Write(p []byte) (int, error) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return len(p), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		l.rest = append(l.rest, line[:min(len(line), maxLine-len(l.rest))]...)
		if whole {
			l.write()
		}
		rest = after
	}
	return len(p), nil
}

// flush logs the last line if it has no line break.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.write()
	}
}

func (l *lines) write() {
	l.log.LogAttrs(context.Background(), slog.LevelDebug, "Message review handler wrote", slog.String("line", string(l.rest)))
	l.rest = l.rest[:0]
}
