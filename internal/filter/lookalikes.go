package filter

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// looks is a set of shapes: bit 0 to 25 are the letters a to z, the others are below. Two
// characters may be taken for each other if they have a shape in common. Each ASCII letter
// has one shape, its own, so no ASCII letter is taken for another.
type looks uint32

// Shapes of letters that digits are used for and that resemble no ASCII letter.
const (
	shapeZe looks = 1 << (26 + iota)
	shapeChe
	shapeBe
)

func shape(letter byte) looks { return 1 << (letter - 'a') }

// digitLooks are the letters that each digit is written for.
var digitLooks = [10]looks{
	shape('o'), shape('i') | shape('l'), shape('z'), shape('e') | shapeZe, shape('a') | shapeChe,
	shape('s'), shape('b') | shapeBe, shape('t'), shape('b'), shape('g'),
}

// symbolLooks are the letters that some symbols are written for.
var symbolLooks = map[rune]looks{
	'@': shape('a'), '$': shape('s'), '!': shape('i') | shape('l'), '|': shape('i') | shape('l'), '€': shape('e'), '¢': shape('c'),
}

// more are letters beside Unicode's table: small capitals and letters in a frame, which
// have no compatibility form.
var more = map[byte]string{
	'a': "ᴀ", 'b': "ʙ", 'c': "ᴄ", 'd': "ᴅ", 'e': "ᴇ", 'f': "ꜰ", 'g': "ɢ", 'h': "ʜ", 'i': "ɪ", 'j': "ᴊ", 'k': "ᴋ", 'l': "ʟ", 'm': "ᴍ",
	'n': "ɴ", 'o': "ᴏ", 'p': "ᴘ", 'q': "ꞯ", 'r': "ʀ", 's': "ꜱ", 't': "ᴛ", 'u': "ᴜ", 'v': "ᴠ", 'w': "ᴡ", 'x': "×", 'y': "ʏ", 'z': "ᴢ",
}

// framed are the first letters of alphabets in a frame: circled, squared, regional
// indicators.
var framed = []rune{0x1F150, 0x1F170, 0x1F1E6}

// shapes are the looks of all folded characters that resemble letters, of either case, and
// of symbols in a frame.
var shapes = func() map[rune]looks {
	all := make(map[rune]looks, 1024)
	for _, table := range []map[byte]string{lookalikeTable, more} {
		for letter, alike := range table {
			for _, r := range alike {
				all[fold(r)] |= shape(letter)
				if letter == 'l' { // Unicode's table takes I, l and 1 for one shape.
					all[fold(r)] |= shape('i')
				}
			}
		}
	}
	for _, first := range framed {
		for i := range rune(26) {
			all[first+i] |= 1 << i
		}
	}
	all['з'] |= shapeZe
	all['ч'] |= shapeChe
	all['б'] |= shapeBe
	for c := range rune('z' - 'a' + 1) {
		all['a'+c] = 1 << c
	}
	return all
}()

// looksOf returns what a folded character of a message may be taken for.
func looksOf(folded rune) looks {
	if '0' <= folded && folded <= '9' {
		return digitLooks[folded-'0']
	}
	if 'a' <= folded && folded <= 'z' {
		return 1 << (folded - 'a')
	}
	return shapes[folded]
}

// looksInTerm returns what a letter of a term may be taken for. A digit is meant as it is.
func looksInTerm(l letter) looks {
	if l.folded <= unicode.MaxASCII && unicode.IsDigit(l.folded) {
		return 0
	}
	return l.looks
}

// classes has the class of each shape: the least shape that is in one set with it, over
// any number of sets. All characters that may be taken for each other are in one class.
var classes = func() (class [32]rune) {
	for i := range class {
		class[i] = rune(i)
	}
	join := func(set looks) {
		first := class[bits.TrailingZeros32(uint32(set))]
		for i := range class {
			if c := class[i]; set&(1<<i) != 0 && c != first {
				for j := range class {
					if class[j] == c || class[j] == first {
						class[j] = min(c, first)
					}
				}
				first = min(c, first)
			}
		}
	}
	for _, set := range digitLooks {
		join(set)
	}
	for _, set := range symbolLooks {
		join(set)
	}
	for _, set := range shapes {
		join(set)
	}
	return class
}()

// classOf returns the class of a folded character with these looks in a message: 'a' and up
// for those with looks, else the character itself.
func classOf(folded rune, l looks) rune {
	if l == 0 {
		return folded
	}
	return 'a' + classes[bits.TrailingZeros32(uint32(l))]
}

// hasSymbolLooks reports whether a message has symbols that are written for letters.
func hasSymbolLooks(content string) bool {
	for i := 0; ; i++ {
		n := strings.IndexAny(content[i:], "@$!|€¢")
		if n < 0 {
			return false
		}
		if i += n; isWritten(content[i], content[i+1:]) {
			return true
		}
	}
}

// isWritten reports whether a symbol that begins with a byte may be written for a letter.
// Those that often end a sentence are, if a letter follows.
func isWritten(symbol byte, rest string) bool {
	if symbol != '!' && symbol != '|' {
		return true
	}
	return rest != "" && (isASCIILetter(rune(rest[0])) || rest[0] >= utf8.RuneSelf || rest[0] == symbol && isWritten(symbol, rest[1:]))
}

// isASCIILetter reports whether c is a letter or a digit.
func isASCIILetter(c rune) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}
