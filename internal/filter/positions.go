package filter

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// positionAutomaton finds out whether a text has a match of an expression, in a time that
// depends on the text's length alone: one table lookup for each character and each eight
// positions of the expression at most. Package regexp needs many times as long in the worst
// case, and is asked only for where the matches are.
//
// It is Glushkov's automaton, whose state is a set of positions, the places of the
// expression where a character was taken, as a set of bits. The positions that follow a
// set are looked up by eight bits at a time (Navarro and Raffinot, "Compact DFA
// representation for fast regular expression search", 2001). Unlike a deterministic
// automaton it cannot grow: its tables are in proportion to the expression.
type positionAutomaton struct {
	ascii [utf8.RuneSelf]uint16
	// pageOf has the place in pages of all characters. Those outside of the Basic Multilingual
	// Plane must not take longer: messages can consist of them.
	pageOf  [(unicode.MaxRune + 1) / 256]uint16
	pages   []page // no two are the same
	classes []class
	// contexts are what follows what, by the sides before and after a place. Expressions
	// without conditions have one for all.
	contexts   [sides][sides]*context
	conditions bool
}

// page has the classes of 256 characters.
type page [256]uint16

// positionSet is a set of positions. An expression has at most maxInstructions of them.
type positionSet [2]uint64

func (s *positionSet) add(p int)          { s[p/64] |= 1 << (p % 64) }
func (s *positionSet) join(o positionSet) { s[0] |= o[0]; s[1] |= o[1] }

// classRange is a range of characters of the same class: from first to the next range.
type classRange struct {
	first rune
	class uint16
}

// class is a set of characters that an expression does not tell apart.
type class struct {
	taken positionSet // the positions that take such a character
	side  side
}

// side is what conditions such as \b look at on a side of a place.
type side uint8

const (
	noCharacter side = iota // the begin or the end of the text
	newline
	wordCharacter
	otherCharacter
	sides
)

// samples are characters of each side, as syntax.EmptyOpContext takes them.
var samples = [sides]rune{noCharacter: -1, newline: '\n', wordCharacter: 'a', otherCharacter: ' '}

func sideOf(r rune) side {
	switch {
	case r == '\n':
		return newline
	case syntax.IsWordChar(r):
		return wordCharacter
	}
	return otherCharacter
}

// context is what follows what where certain conditions hold.
type context struct {
	first  positionSet        // the positions where a match may begin
	follow [][256]positionSet // for each eight positions, those that follow a set of them
	last   positionSet        // the positions where a match may end
}

func newPositionAutomaton(prog *syntax.Prog) *positionAutomaton {
	var takers []int // the instructions that take a character
	for pc := range prog.Inst {
		switch prog.Inst[pc].Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			takers = append(takers, pc)
		}
	}
	a := new(positionAutomaton)
	a.classify(prog, takers)
	known := map[syntax.EmptyOp]*context{}
	used := conditionsOf(prog)
	a.conditions = used != 0
	for before := range sides {
		for after := range sides {
			holds := syntax.EmptyOpContext(samples[before], samples[after]) & used
			if known[holds] == nil {
				known[holds] = newContext(prog, takers, holds)
			}
			a.contexts[before][after] = known[holds]
		}
	}
	return a
}

// conditionsOf returns the conditions in a program.
func conditionsOf(prog *syntax.Prog) (all syntax.EmptyOp) {
	for i := range prog.Inst {
		if inst := &prog.Inst[i]; inst.Op == syntax.InstEmptyWidth {
			all |= syntax.EmptyOp(inst.Arg)
		}
	}
	return all
}

// classify divides the characters into classes. There are less than 65,536: the tables of
// Unicode have less than 10,000 borders, and an expression has at most MaxExpression of its
// own.
func (a *positionAutomaton) classify(prog *syntax.Prog, takers []int) {
	known := map[class]uint16{}
	var ranges []classRange
	for _, first := range borders(prog, takers) {
		c := class{side: sideOf(first)}
		for p, pc := range takers {
			if prog.Inst[pc].MatchRune(first) {
				c.taken.add(p)
			}
		}
		id, found := known[c]
		if !found {
			id = uint16(len(a.classes))
			known[c], a.classes = id, append(a.classes, c)
		}
		if n := len(ranges); n == 0 || ranges[n-1].class != id {
			ranges = append(ranges, classRange{first, id})
		}
	}
	a.divide(ranges)
	for c := range a.ascii {
		a.ascii[c] = a.classOf(rune(c))
	}
}

// divide makes the pages of all characters from the ranges, which are in order.
func (a *positionAutomaton) divide(ranges []classRange) {
	known := map[page]uint16{}
	at := 0
	for i := range a.pageOf {
		first := rune(i << 8)
		for at+1 < len(ranges) && ranges[at+1].first <= first {
			at++
		}
		isWhole := at+1 == len(ranges) || ranges[at+1].first > first+255
		if isWhole && i > 0 && ranges[at].first <= first-256 {
			a.pageOf[i] = a.pageOf[i-1] // Both are parts of one range, as most are.
			continue
		}
		var p page
		for j := range p {
			for at+1 < len(ranges) && ranges[at+1].first <= first+rune(j) {
				at++
			}
			p[j] = ranges[at].class
		}
		id, found := known[p]
		if !found {
			id = uint16(len(a.pages))
			known[p], a.pages = id, append(a.pages, p)
		}
		a.pageOf[i] = id
	}
}

// borders returns the characters where the class may change, in order. The first one is 0.
func borders(prog *syntax.Prog, takers []int) []rune {
	all := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1}
	for _, pc := range takers {
		inst := &prog.Inst[pc]
		runes := inst.Rune
		if len(runes) == 1 { // One character, perhaps without regard to case.
			all = append(all, runes[0], runes[0]+1)
			for r := unicode.SimpleFold(runes[0]); r != runes[0]; r = unicode.SimpleFold(r) {
				all = append(all, r, r+1)
			}
			continue
		}
		for i := 0; i+1 < len(runes); i += 2 {
			all = append(all, runes[i], runes[i+1]+1)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// newContext returns what follows what where the conditions hold.
func newContext(prog *syntax.Prog, takers []int, holds syntax.EmptyOp) *context {
	number := make(map[uint32]int, len(takers))
	for p, pc := range takers {
		number[uint32(pc)] = p
	}
	// reach returns the positions that take the next character behind an instruction, and
	// whether the match may end there.
	reach := func(from uint32) (next positionSet, ends bool) {
		seen := make([]bool, len(prog.Inst))
		for todo := []uint32{from}; len(todo) > 0; {
			pc := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[pc] {
				continue
			}
			seen[pc] = true
			switch inst := &prog.Inst[pc]; inst.Op {
			case syntax.InstAlt, syntax.InstAltMatch:
				todo = append(todo, inst.Out, inst.Arg)
			case syntax.InstCapture, syntax.InstNop:
				todo = append(todo, inst.Out)
			case syntax.InstEmptyWidth:
				if syntax.EmptyOp(inst.Arg)&^holds == 0 {
					todo = append(todo, inst.Out)
				}
			case syntax.InstMatch:
				ends = true
			case syntax.InstFail:
			default:
				next.add(number[pc])
			}
		}
		return next, ends
	}
	c := &context{follow: make([][256]positionSet, (len(takers)+7)/8)}
	c.first, _ = reach(uint32(prog.Start))
	for p, pc := range takers {
		next, ends := reach(prog.Inst[pc].Out)
		if ends {
			c.last.add(p)
		}
		for some := range 256 {
			if some&(1<<(p%8)) != 0 {
				c.follow[p/8][some].join(next)
			}
		}
	}
	return c
}

// matches reports whether a text has a match of at least one character.
func (a *positionAutomaton) matches(text string) bool {
	var low, high uint64 // the positions where the last character was taken
	before := noCharacter
	for i := 0; i < len(text); {
		var c *class
		if b := text[i]; b < utf8.RuneSelf {
			c = &a.classes[a.ascii[b]]
			i++
		} else {
			r, size := utf8.DecodeRuneInString(text[i:])
			c = &a.classes[a.classOf(r)]
			i += size
		}
		now := a.contexts[before][c.side]
		if low&now.last[0]|high&now.last[1] != 0 {
			return true
		}
		next := now.first
		for at := 0; low != 0; at++ {
			follow := &now.follow[at][uint8(low)]
			next[0] |= follow[0]
			next[1] |= follow[1]
			low >>= 8
		}
		for at := 8; high != 0; at++ {
			follow := &now.follow[at][uint8(high)]
			next[0] |= follow[0]
			next[1] |= follow[1]
			high >>= 8
		}
		low, high = next[0]&c.taken[0], next[1]&c.taken[1]
		before = c.side
	}
	last := &a.contexts[before][noCharacter].last
	return low&last[0]|high&last[1] != 0
}

// window returns the part of a text in which the first match from a byte on is: no match begins
// before it, and none of those that may be the first one continues behind it. There must be no
// conditions. ok is false if there is no match.
func (a *positionAutomaton) window(text string, from int) (start, end int, ok bool) {
	all := a.contexts[noCharacter][noCharacter]
	var taken positionSet // the positions where the last character was taken
	start = from
	for i := from; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		var next positionSet
		if !ok {
			next = all.first
		}
		next.join(all.following(taken))
		c := &a.classes[a.classOf(r)]
		taken = positionSet{next[0] & c.taken[0], next[1] & c.taken[1]}
		switch {
		case taken != positionSet{}:
			ok = ok || taken[0]&all.last[0]|taken[1]&all.last[1] != 0
		case ok:
			return start, i, true
		default:
			start = i + size
		}
		i += size
	}
	return start, len(text), ok
}

// following returns the positions that follow those of a set.
func (c *context) following(set positionSet) (next positionSet) {
	for half := range set {
		for at := 8 * half; set[half] != 0; at++ {
			next.join(c.follow[at][uint8(set[half])])
			set[half] >>= 8
		}
	}
	return next
}

func (a *positionAutomaton) classOf(r rune) uint16 {
	return a.pages[a.pageOf[r>>8]][uint8(r)]
}
