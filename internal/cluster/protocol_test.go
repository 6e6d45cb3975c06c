package cluster

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/protocol"
)

// TestProtocolDocument checks that PROTOCOL.md names only tests that exist, the
// subjects that are used and no others, and the times as they are.
func TestProtocolDocument(t *testing.T) {
	data, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(data)
	t.Run("tests exist", func(t *testing.T) {
		var source strings.Builder
		for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(document, -1) {
			files, err := filepath.Glob("../" + m[1] + "/*_test.go")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				source.Write(text)
			}
		}
		named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)\\w+)`").FindAllStringSubmatch(document, -1)
		if len(named) < 30 {
			t.Errorf("the document names %d tests", len(named))
		}
		for _, m := range named {
			if !strings.Contains(source.String(), "\nfunc "+m[1]+"(") {
				t.Errorf("%s does not exist", m[1])
			}
		}
	})
	t.Run("subjects are those in use", func(t *testing.T) {
		var want, got []string
		s := protocol.Subjects("P")
		want = append(want, s.Beats(), s.Frames(), s.Notices())
		for _, k := range []protocol.Kind{protocol.KindFrames, protocol.KindTail, protocol.KindBeat, protocol.KindEnter, protocol.KindLeave, protocol.KindAck, protocol.KindPrepare, protocol.KindStream, protocol.KindState, protocol.KindHistory, protocol.KindComplete, protocol.KindDo, protocol.KindLend, protocol.KindAsk} {
			want = append(want, s.Node("ID", k))
		}
		for _, m := range regexp.MustCompile("(?m)^\\| `(P\\.[A-Za-z.]+)`").FindAllStringSubmatch(document, -1) {
			got = append(got, m[1])
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("times are as documented", func(t *testing.T) {
		want := map[string]time.Duration{
			"BeatInterval": protocol.BeatInterval, "BeatSlack": protocol.BeatSlack, "StallTime": protocol.StallTime, "LeaseTime": protocol.LeaseTime, "SuspectAfter": protocol.SuspectAfter,
			"SettleTime": protocol.SettleTime, "MergeWithin": protocol.MergeWithin, "SealWithin": protocol.SealWithin, "PrepareAgain": protocol.PrepareAgain,
			"PrepareWithin": protocol.PrepareWithin, "SilentFor": protocol.SilentFor, "AskWithin": protocol.AskWithin, "AskAgain": protocol.AskAgain,
			"DoWithin": protocol.DoWithin, "EnterWithin": protocol.EnterWithin, "CallsLast": protocol.CallsLast, "LogAge": protocol.LogAge, "AckWait": protocol.AckWait, "SpareWait": protocol.SpareWait,
		}
		got := map[string]time.Duration{}
		for _, row := range regexp.MustCompile("(?m)^\\| (`[a-zA-Z`, ]+`) \\| ([0-9][0-9a-z., ]*) \\|").FindAllStringSubmatch(document, -1) {
			values := strings.Split(row[2], ", ")
			for i, name := range strings.Split(row[1], ", ") {
				text := strings.NewReplacer(" ", "", "min", "m").Replace(values[i])
				d, err := time.ParseDuration(text)
				if err != nil {
					t.Fatal(err)
				}
				got[strings.Trim(name, "`")] = d
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTimers checks the inequalities between the times of the protocol.
func TestTimers(t *testing.T) {
	for _, tt := range []struct {
		why    string
		rising []time.Duration // each is less than the next
	}{
		{"a lease outlasts two lost heartbeats", []time.Duration{3*protocol.BeatInterval - 1, protocol.LeaseTime}},
		{"a lease runs out before its node times out", []time.Duration{protocol.LeaseTime, protocol.SuspectAfter}},
		{"a suspended process notices before it lets its peers time out", []time.Duration{protocol.BeatInterval + protocol.BeatSlack, protocol.StallTime, protocol.SuspectAfter}},
		{"a node that starts finds the others before it serves alone", []time.Duration{protocol.SettleTime, protocol.SuspectAfter, protocol.MergeWithin}},
		{"a silent member is out while the next proposal is made", []time.Duration{protocol.PrepareAgain, protocol.SealWithin, protocol.PrepareWithin, protocol.SilentFor}},
		{"a home remembers operations for longer than they are asked for", []time.Duration{protocol.AskAgain, protocol.DoWithin, protocol.CallsLast, protocol.LogAge}},
	} {
		if !slices.IsSorted(tt.rising) || len(slices.Compact(slices.Clone(tt.rising))) < len(tt.rising) {
			t.Errorf("%s: %v should rise", tt.why, tt.rising)
		}
	}
}
