//go:build linux

package load_test

import (
	"strings"
	"testing"
	"time"

	"confab/bench/load"
)

// The ledger is what fails a run, so it must notice each way in which a server
// can deliver wrongly.
func TestLedger(t *testing.T) {
	for _, c := range []struct {
		name string
		// first and second are the numbers that two members of room 0 receive;
		// messages 0 and 1 are for them, 2 is for room 1.
		first, second []int
		want          string // in the error; empty if there is none
		lost          int
	}{
		{name: "all in order", first: []int{0, 1}, second: []int{0, 1}},
		{name: "all in another order, the same for both", first: []int{1, 0}, second: []int{1, 0}},
		{name: "in an order of its own", first: []int{0, 1}, second: []int{1, 0}, want: "lost or reordered"},
		{name: "a gap", first: []int{0, 1}, second: []int{1}, want: "lost or reordered"},
		{name: "twice", first: []int{0, 0}, want: "came twice"},
		{name: "of another room", first: []int{2}, want: "for room 1 came to room 0"},
		{name: "never sent", first: []int{3}, want: "never sent"},
		{name: "the last one is missing", first: []int{0, 1}, second: []int{0}, lost: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := load.NewLedger(2)
			members := [2]*load.Client{{Room: 0}, {Room: 0}}
			l.Join(0)
			l.Join(0)
			for _, room := range []int{0, 0, 1} {
				l.Sent(room, 0)
			}
			var err error
			for i, numbers := range [2][]int{c.first, c.second} {
				for _, n := range numbers {
					if err == nil {
						err = l.Received(members[i], n, time.Millisecond)
					}
				}
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v, want one with %q", err, c.want)
			case c.want == "" && l.Lost() != c.lost:
				t.Errorf("%d deliveries are lost, want %d", l.Lost(), c.lost)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	p := append(load.AppendMark([]byte("a"), 12), load.AppendMark([]byte(" b "), 1234567890)...)
	var got []int
	for n, behind, err := load.NextMark(p); n >= 0; n, behind, err = load.NextMark(behind) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if len(got) != 2 || got[0] != 12 || got[1] != 1234567890 {
		t.Errorf("read %v", got)
	}
	for _, p := range []string{"#123", "#12345abcde"} {
		if _, _, err := load.NextMark([]byte(p)); err == nil {
			t.Errorf("%q is a mark", p)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h load.Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	for i := range 100_000 {
		h.Add(time.Duration(i) * 10 * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 0: 0} {
		if got := h.Quantile(q); got > want || got < want*97/100 {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
}
