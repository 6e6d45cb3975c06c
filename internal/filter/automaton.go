package filter

import (
	"cmp"
	"slices"
	"unicode"
)

// automaton finds terms by the classes of their letters, with the algorithm of Aho and
// Corasick: one step a letter, whatever the number of terms. States are numbered level by
// level, so the children of a state stand side by side, in the order of their labels.
type automaton struct {
	terms []*term // by their classes
	// label is the class on the way into a state. children[s] to children[s+1] are the
	// children of s.
	label, children []int32
	// fail is the state of the longest proper suffix, and link of the longest one at which
	// terms end; 0 is none.
	fail, link []int32
	// ends[s] is the first term that ends at s, and ends[s+1] the first behind them, in
	// ending.
	ends []int32
	// ending has the indices of terms in the order of states.
	ending []int32
	// labels number the classes that terms have, from 1.
	ascii  [unicode.MaxASCII + 1]int32
	labels map[rune]int32
}

// newAutomaton compiles terms. It returns nil if there are none.
func newAutomaton(terms []*term) *automaton {
	if len(terms) == 0 {
		return nil
	}
	a := &automaton{terms: terms, labels: map[rune]int32{}}
	slices.SortStableFunc(terms, func(x, y *term) int {
		return cmp.Or(slices.Compare(x.comparable, y.comparable), cmp.Compare(x.rule, y.rule))
	})
	// Labels have the order of the classes, so that children are in the order of labels.
	var all []rune
	for _, t := range terms {
		all = append(all, t.comparable...)
	}
	slices.Sort(all)
	for i, c := range slices.Compact(all) {
		if c <= unicode.MaxASCII {
			a.ascii[c] = int32(i) + 1
		} else {
			a.labels[c] = int32(i) + 1
		}
	}
	a.grow()
	a.connect()
	return a
}

// grow makes the states.
func (a *automaton) grow() {
	type span struct{ lo, hi, depth int32 } // the terms that begin like the state
	spans := []span{{0, int32(len(a.terms)), 0}}
	a.label = []int32{0}
	for s := 0; s < len(spans); s++ {
		at := spans[s]
		a.ends = append(a.ends, int32(len(a.ending)))
		for at.lo < at.hi && len(a.terms[at.lo].comparable) == int(at.depth) {
			a.ending = append(a.ending, at.lo)
			at.lo++
		}
		a.children = append(a.children, int32(len(spans)))
		for at.lo < at.hi {
			c, end := a.terms[at.lo].comparable[at.depth], at.lo+1
			for end < at.hi && a.terms[end].comparable[at.depth] == c {
				end++
			}
			a.label = append(a.label, a.labelOf(c))
			spans = append(spans, span{at.lo, end, at.depth + 1})
			at.lo = end
		}
	}
	a.children = append(a.children, int32(len(spans)))
	a.ends = append(a.ends, int32(len(a.ending)))
}

// connect sets fail and link.
func (a *automaton) connect() {
	a.fail, a.link = make([]int32, len(a.label)), make([]int32, len(a.label))
	for s := range int32(len(a.label)) {
		for c := a.children[s]; c < a.children[s+1]; c++ {
			if s > 0 {
				a.fail[c] = a.step(a.fail[s], a.label[c])
			}
			f := a.fail[c]
			if a.ends[f] == a.ends[f+1] {
				f = a.link[f]
			}
			a.link[c] = f
		}
	}
}

func (a *automaton) labelOf(class rune) int32 {
	if class <= unicode.MaxASCII {
		return a.ascii[class]
	}
	return a.labels[class]
}

// child returns the child of s with a label; 0 if there is none.
func (a *automaton) child(s, label int32) int32 {
	lo, end := a.children[s], a.children[s+1]
	for hi := end; lo < hi; {
		if m := int32(uint32(lo+hi) / 2); a.label[m] < label {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < end && a.label[lo] == label {
		return lo
	}
	return 0
}

// step returns the state behind s and a letter.
func (a *automaton) step(s, label int32) int32 {
	for {
		if c := a.child(s, label); c > 0 || s == 0 {
			return c
		}
		s = a.fail[s]
	}
}

// find calls found for each match, by where it ends and then the longest first, until it
// returns false. It reports whether it came to the end.
func (a *automaton) find(t *Text, r reading, found func(Match) bool) bool {
	s := int32(0)
	for i := range r {
		label := a.labelOf(r[i].class)
		if label == 0 {
			s = 0
			continue
		}
		s = a.step(s, label)
		for at := s; at > 0; at = a.link[at] {
			for _, n := range a.ending[a.ends[at]:a.ends[at+1]] {
				term := a.terms[n]
				if !term.matches(t, r, i) {
					continue
				}
				if !found(Match{Rule: term.rule, Start: int(r[i-len(term.letters)+1].start), End: int(r[i].end)}) {
					return false
				}
			}
		}
	}
	return true
}
