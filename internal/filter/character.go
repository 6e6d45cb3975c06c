package filter

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// character is what a character of a message is to terms.
type character struct {
	folded rune
	class  rune
	looks  looks
	kind   kind
}

// kind is what the reader of a message does with a character.
type kind uint8

const (
	unknown   kind = iota
	isLetter       // a letter, a digit or a vowel sign
	isSymbol       // punctuation and symbols
	isSpace        // white space and control characters
	isMark         // an accent: it belongs to the character before it
	isNothing      // it has no width
	isSeveral      // it is several letters, or may be one together with others
)

// pages keep what is known of the characters of the planes 0 and 1, by their upper bits.
var pages [0x20000 >> pageBits]atomic.Pointer[[1 << pageBits]character]

const pageBits = 8

// characterOf returns what a character is.
func characterOf(r rune) character {
	if int(r>>pageBits) >= len(pages) || r < 0 {
		return classify(r)
	}
	page := pages[r>>pageBits].Load()
	if page == nil {
		page = new([1 << pageBits]character)
		for i := range page {
			page[i] = classify(r&^(1<<pageBits-1) + rune(i))
		}
		pages[r>>pageBits].Store(page)
	}
	return page[r&(1<<pageBits-1)]
}

// classify finds out what a character is.
func classify(r rune) character {
	switch {
	case unicode.IsSpace(r), unicode.In(r, unicode.Cc, unicode.Z):
		return character{kind: isSpace}
	case r <= unicode.MaxASCII:
		return plain(r)
	case isAccent(r), 0x1F3FB <= r && r <= 0x1F3FF: // These are the colours of emoji.
		return character{kind: isMark}
	case isInvisible(r):
		return character{kind: isNothing}
	case isVoicing(r), r >= 0x1100 && r <= 0x11ff, r >= 0xa960 && r <= 0xa97f, r >= 0xd7b0 && r <= 0xd7ff: // The last ones are parts of Hangul.
		return character{kind: isSeveral}
	}
	all := decompose(string(r))
	if len(all) != 1 || fold(all[0]) == 'ß' {
		return character{kind: isSeveral}
	}
	return plain(all[0])
}

// plain is classify for a character without a compatibility form.
func plain(r rune) character {
	if v := digitValue(r); v >= 0 {
		r = '0' + rune(v)
	}
	folded := fold(r)
	l := looksOf(folded)
	if l == 0 && !unicode.In(folded, unicode.L, unicode.M, unicode.N) {
		return character{kind: isSymbol, folded: folded, class: folded}
	}
	return character{kind: isLetter, folded: folded, class: classOf(folded, l), looks: l}
}

// decompose returns the letters and symbols in some characters, by NFKD, without accents.
// Hangul and kana stay composed.
func decompose(s string) []rune {
	first, _ := utf8.DecodeRuneInString(s)
	kept := make([]rune, 0, 8)
	compose := false
	for _, c := range norm.NFKD.String(s) {
		if isAccent(c) || isInvisible(c) && c != first || c == ' ' { // NFKD puts a mark that stands alone on a space.
			continue
		}
		compose = compose || c == voiced || c == semiVoiced || unicode.Is(unicode.Hangul, c)
		kept = append(kept, c)
	}
	if compose {
		kept = []rune(norm.NFC.String(string(kept)))
	}
	return kept
}

// fold returns a letter without regard to case: 'ſ' and 'S' are 's'. ß is left to the
// caller.
func fold(r rune) rune {
	if r <= unicode.MaxASCII {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	if r == 'ẞ' {
		return 'ß'
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// digitValue returns the value of a decimal digit of another script than ASCII, or -1.
func digitValue(r rune) int {
	if r < utf8.RuneSelf || !unicode.Is(unicode.Nd, r) {
		return -1
	}
	zero := r // Digits come in runs of ten, from 0 to 9.
	for r-zero < 9 && unicode.Is(unicode.Nd, zero-1) {
		zero--
	}
	return int(r - zero)
}

// The voicing marks of kana are parts of letters: they make another word.
const (
	voiced     = '\u3099'
	semiVoiced = '\u309a'
)

// isVoicing reports whether r is a voicing mark, in full or half width.
func isVoicing(r rune) bool {
	return r == voiced || r == semiVoiced || r == '\uff9e' || r == '\uff9f'
}

// accented are the scripts whose marks are accents, or are usually left out.
var accented = []*unicode.RangeTable{unicode.Inherited, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Arabic, unicode.Hebrew}

// isAccent reports whether a mark is left out. The vowel signs of Indic scripts are not.
func isAccent(r rune) bool {
	return r >= 0x300 && unicode.In(r, unicode.Mn, unicode.Me) && !isVoicing(r) && unicode.In(r, accented...)
}

// isInvisible reports whether a character has no width: it does not even end a word.
func isInvisible(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0': // fillers of Hangul
		return true
	}
	return r > unicode.MaxASCII && unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// unspaced are the scripts that write words without spaces between them.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
	unicode.Yi, unicode.Javanese, unicode.Balinese, unicode.Tai_Tham, unicode.New_Tai_Lue, unicode.Tai_Viet, unicode.Bopomofo,
}

// isUnspaced reports whether a letter is of a script without spaces.
func isUnspaced(r rune) bool {
	return r > 0xdff && (unicode.In(r, unspaced...) || r == 'ー')
}
