package filter_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// corpus reads a file of testdata.
func corpus(tb testing.TB, name string, fields int) (lines [][]string) {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		all := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(all) != fields {
			tb.Fatalf("%s: %q has %d fields", name, line, len(all))
		}
		for i := range all {
			if all[i], err = strconv.Unquote(`"` + strings.ReplaceAll(all[i], `"`, `\"`) + `"`); err != nil {
				tb.Fatalf("%s: %q: %v", name, line, err)
			}
		}
		lines = append(lines, all)
	}
	return lines
}

func TestEvasions(t *testing.T) {
	t.Parallel()
	for _, l := range corpus(t, "evasions.txt", 4) {
		if matched(t, l[2], l[3]) == "" {
			t.Errorf("%s, %s: %q is not found in %q", l[0], l[1], l[2], l[3])
		}
	}
}

func TestInnocentWords(t *testing.T) {
	t.Parallel()
	for _, l := range corpus(t, "innocent.txt", 3) {
		if found := matched(t, l[1], l[2]); found != "" {
			t.Errorf("%s: %q is found in %q, as %q", l[0], l[1], l[2], found)
		}
	}
}
