package filter_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/internal/filter"
)

// processorTime returns what this process has used.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHostile measures as many expressions as a filter may have, on messages of the largest
// length that keep them busy and do not match. Its last metric is the processor time for each
// expression in the worst of all cases.
func BenchmarkHostile(b *testing.B) {
	expressions := map[string]struct {
		format string // with two characters that differ between the expressions, and no literal
		n      int
	}{
		"100 of 20 instructions": {`(?:[a-cà-ü]?b?){3}[xyz][%c%c]`, 100}, "100 of letters": {`(?:\pL+[\W_]?){1,3}[%c%c]`, 100},
		"100 with borders": {`(?:\b\w+\b.?){2}[%c%c]`, 100}, "20 of 100 instructions": {`(?:a?b?c?){13}[xyz][%c%c]`, 20},
		"20 of letters": {`(?:\pL+\W?){1,18}[%c%c]`, 20}, "20 with borders": {`(?:\b\pL+\b\W?){1,12}[%c%c]`, 20},
	}
	contents := map[string]string{ // Each has 500 characters.
		"one letter": strings.Repeat("a", 500), "ascii": strings.Repeat("abcab", 100), "words": strings.Repeat("abc ", 125),
		"accents": strings.Repeat("éàüça", 100), "japanese": strings.Repeat("今日の配信", 100), "mathematical": strings.Repeat("𝐚𝓑𝔠𝕕𝖊", 100),
		"emoji": strings.Repeat("😀a", 250), "mixed": strings.Repeat("a𝐚é今 ", 100),
	}
	const rounds = 10
	worst := time.Duration(0)
	for what, e := range expressions {
		all := make([]string, e.n)
		for i := range all {
			all[i] = fmt.Sprintf(e.format, 'Ⅰ'+2*i, 'Ⅱ'+2*i)
		}
		m := compile(b, nil, all)
		for name, content := range contents {
			b.Run(what+"/"+name, func(b *testing.B) {
				least := time.Hour // Other programs that use the caches make the same work longer.
				for b.Loop() {
					began := processorTime(b)
					for range rounds {
						t := filter.NewText(content)
						if m.Matches(t) {
							b.Fatal("the message matches, so not all expressions are tried")
						}
						t.Release()
					}
					least = min(least, (processorTime(b)-began)/rounds/time.Duration(e.n))
				}
				b.ReportMetric(float64(least.Nanoseconds()), "cpu-ns/expression")
				worst = max(worst, least)
			})
		}
	}
	b.Run("worst", func(b *testing.B) {
		for b.Loop() {
			continue // It is measured already.
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(worst.Nanoseconds()), "cpu-ns/expression")
	})
}
