package filter

import (
	"strings"
	"unicode/utf8"
)

// MaxTerm is the length of the longest term in characters.
const MaxTerm = 100

// term is a compiled term.
type term struct {
	rule       string // as it was written
	letters    []termLetter
	open       [2]bool // a part of a word matches at its start, at its end
	isSymbols  bool    // it has no letters
	unspaced   [2]bool // its first, its last letter is of a script without spaces
	comparable []rune  // the classes of its letters
}

type termLetter struct {
	folded rune
	looks  looks
	spaced bool // white space or a separator comes before it
}

// parseTerm returns the problem of a term that cannot be used.
func parseTerm(rule string) (t *term, problem string) {
	if n := utf8.RuneCountInString(rule); n == 0 || n > MaxTerm || !utf8.ValidString(rule) {
		return nil, "must have 1 to 100 characters"
	}
	t = &term{rule: rule}
	body := strings.TrimSpace(rule)
	bare := strings.TrimLeft(body, "*")
	t.open[0] = len(bare) < len(body)
	body = strings.TrimRight(bare, "*")
	t.open[1] = len(body) < len(bare)
	if strings.TrimSpace(body) == "" {
		return nil, "would match every message; write what it shall match beside the *"
	}
	text := NewText(body)
	defer text.Release()
	all := []letter(text.letters)
	switch {
	case len(all) == 0:
		t.isSymbols, all = true, text.symbols
	case len(text.written) > 0:
		all = text.written // $hit is no hit.
	}
	if len(all) == 0 {
		return nil, "has only characters that no message shows"
	}
	for i, l := range all {
		have := termLetter{folded: l.folded, looks: looksInTerm(l), spaced: i > 0 && l.gap == spaced}
		t.letters = append(t.letters, have)
		t.comparable = append(t.comparable, classOf(l.folded, l.looks)) // That of messages: a digit has looks there.
	}
	t.unspaced = [2]bool{isUnspaced(all[0].folded), isUnspaced(all[len(all)-1].folded)}
	return t, ""
}

// matches reports whether the term ends with letter last of a reading, where the classes of
// its letters match.
func (t *term) matches(text *Text, r reading, last int) bool {
	first := last - len(t.letters) + 1
	if t.isSymbols {
		for i := range t.letters {
			if i > 0 && (r[first+i].gap == joined) == t.letters[i].spaced {
				return false
			}
		}
		return true
	}
	if !t.open[1] && !t.unspaced[1] && !text.isEdge(r, last+1) || !t.open[0] && !t.unspaced[0] && !text.isEdge(r, first) {
		return false
	}
	for i := range t.letters {
		want, got := &t.letters[i], &r[first+i]
		if want.folded != got.folded && want.looks&got.looks == 0 {
			return false
		}
		switch {
		case i == 0:
		case want.spaced && got.gap == joined && !text.isEdge(r, first+i), !want.spaced && !r.passes(first+i):
			return false
		}
	}
	return true
}
