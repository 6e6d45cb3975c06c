package review

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes []string
		want   []string
	}{
		{"a line", []string{"one\n"}, []string{"one"}},
		{"lines in one write", []string{"one\n\ntwo\n"}, []string{"one", "", "two"}},
		{"a line in pieces", []string{"o", "n", "e\nt", "wo\n"}, []string{"one", "two"}},
		{"no end", []string{"one"}, []string{"one"}},
		{"a long line is cut", []string{strings.Repeat("x", maxLine-1), "yz", "z\nnext\n"}, []string{strings.Repeat("x", maxLine-1) + "y", "next"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			out := &buffer{}
			l := &lines{log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == "line" {
					got = append(got, a.Value.String())
				}
				return a
			}}))}
			for _, w := range c.writes {
				if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("Write returned %d, %v", n, err)
				}
			}
			l.flush()
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
