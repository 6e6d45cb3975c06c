package filter

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
	"golang.org/x/text/unicode/norm"
)

// Text is a message, prepared for any number of matchers. Release it after use.
type Text struct {
	content string
	// letters are the message without all that terms match through; written has also
	// the symbols that are written for letters, and is empty if there are none.
	letters, written reading
	symbols          []letter

	folded     string // for expressions; see fold
	hasFolded  bool
	boundaries []int32 // where words begin and end, by UAX #29, in order
}

// reading is one way to read a message as letters.
type reading []letter

// letter is one letter, digit or vowel sign of a message, or a symbol.
type letter struct {
	folded     rune
	class      rune
	looks      looks
	start, end int32 // its bytes in the message, with its accents
	gap        gap
}

// gap is what there is before a letter.
type gap uint8

const (
	joined    gap = iota // nothing, or what has no width
	separated            // punctuation or symbols
	spaced               // white space, too
)

var texts = sync.Pool{New: func() any { return new(Text) }}

// NewText prepares a message.
func NewText(content string) *Text {
	t := texts.Get().(*Text) //nolint:forcetypeassert // The pool has nothing else.
	t.content = content
	t.read(&t.letters, &t.symbols, nil)
	if hasSymbolLooks(content) {
		t.read(&t.written, nil, symbolLooks)
	}
	return t
}

// Release makes the memory of t available to later messages. t must not be used after it.
func (t *Text) Release() {
	*t = Text{letters: t.letters[:0], written: t.written[:0], symbols: t.symbols[:0], boundaries: t.boundaries[:0]}
	texts.Put(t)
}

// reader reads a message once.
type reader struct {
	content string
	letters *reading
	symbols *[]letter      // nil if they are not wanted
	as      map[rune]looks // symbols that are read as letters

	gap       gap // before the next letter
	symbolGap gap // before the next symbol: joined if it follows the last one
}

func (t *Text) read(letters *reading, symbols *[]letter, as map[rune]looks) {
	r := reader{content: t.content, letters: letters, symbols: symbols, as: as, symbolGap: spaced}
	for i := 0; i < len(t.content); {
		c, size := utf8.DecodeRuneInString(t.content[i:])
		is := characterOf(c)
		if is.kind == isSeveral || c >= 0x3041 && startsVoiced(t.content[i+size:]) {
			size = norm.NFKD.NextBoundaryInString(t.content[i:], true)
			for _, c := range decompose(t.content[i : i+size]) {
				r.add(c, i, i+size)
			}
		} else {
			r.addKnown(&is, i, i+size)
		}
		i += size
	}
}

func startsVoiced(s string) bool {
	if len(s) < 3 || s[0] != 0xe3 && s[0] != 0xef { // the first bytes of voicing marks
		return false
	}
	c, _ := utf8.DecodeRuneInString(s)
	return isVoicing(c)
}

// add adds a character of those that some bytes of the message stand for.
func (r *reader) add(c rune, start, end int) {
	if fold(c) == 'ß' {
		r.add('s', start, end)
		c = 's'
	}
	is := plain(c)
	r.addKnown(&is, start, end)
}

func (r *reader) addKnown(is *character, start, end int) {
	switch is.kind {
	case isLetter:
		r.letter(is.folded, is.looks, is.class, start, end)
	case isSpace:
		r.gap, r.symbolGap = spaced, spaced
	case isMark:
		r.mark(end)
	case isSymbol:
		if l := r.as[is.folded]; l != 0 && isWritten(r.content[start], r.content[end:]) {
			r.letter(is.folded, l, classOf(is.folded, l), start, end)
			return
		}
		r.gap = max(r.gap, separated)
		if r.symbols != nil {
			*r.symbols = append(*r.symbols, letter{folded: is.folded, class: is.class, start: int32(start), end: int32(end), gap: r.symbolGap})
			r.symbolGap = joined
		}
	}
}

func (r *reader) letter(folded rune, l looks, class rune, start, end int) {
	*r.letters = append(*r.letters, letter{folded: folded, class: class, looks: l, start: int32(start), end: int32(end), gap: r.gap})
	r.gap, r.symbolGap = joined, spaced
}

// mark makes a mark that ends at a byte a part of the character before it.
func (r *reader) mark(end int) {
	if n := len(*r.letters); n > 0 && r.gap == joined {
		(*r.letters)[n-1].end = int32(end)
	}
	if r.symbols != nil && r.symbolGap == joined {
		(*r.symbols)[len(*r.symbols)-1].end = int32(end)
	}
}

// lower returns the content for the literals of expressions, without regard to case.
func (t *Text) lower() string {
	if !t.hasFolded {
		t.folded, t.hasFolded = strings.Map(fold, t.content), true
	}
	return t.folded
}

// isBoundary reports whether a word begins or ends between two bytes of the message, by
// UAX #29.
func (t *Text) isBoundary(from, to int32) bool {
	if len(t.boundaries) == 0 {
		for all := words.FromString(t.content); all.Next(); {
			t.boundaries = append(t.boundaries, int32(all.Start()))
		}
		t.boundaries = append(t.boundaries, int32(len(t.content)))
	}
	lo, hi := 0, len(t.boundaries)
	for lo < hi { // the first that is not before from
		if m := (lo + hi) / 2; t.boundaries[m] < from {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo < len(t.boundaries) && t.boundaries[lo] <= to
}

// isEdge reports whether a word may begin at letter i, or end before it. Beside UAX #29,
// which takes "you.are" and "it's" for one word, a word ends at punctuation between parts
// of two letters or more, and at an apostrophe before an s, or before three letters or more
// as in "l'ami".
func (t *Text) isEdge(r reading, i int) bool {
	if i == 0 || i == len(r) || r[i].gap == spaced {
		return true
	}
	from, to := r[i-1].end, r[i].start
	if from > to { // Both come from one character.
		return false
	}
	if t.isBoundary(from, to) {
		return true
	}
	if r[i].gap != separated {
		return false
	}
	after := r.part(i, 1)
	if strings.ContainsAny(t.content[from:to], "'\u2019\u02bc\uff07") {
		return after > 2 || after == 1 && r[i].folded == 's'
	}
	return after > 1 && r.part(i-1, -1) > 1
}

// part returns how many letters stand together from letter i on, in a direction; 3 is many.
func (r reading) part(i, direction int) (n int) {
	for ; n < 3 && 0 <= i && i < len(r); i += direction {
		if n > 0 && r[max(i, i-direction)].gap != joined {
			break
		}
		n++
	}
	return n
}

// passes reports whether a term continues from letter i-1 to i although it has no separator
// there: through all but white space, and through that between single letters.
func (r reading) passes(i int) bool {
	return r[i].gap != spaced || r.part(i, 1) == 1 && r.part(i-1, -1) == 1
}
