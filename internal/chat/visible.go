package chat

import "unicode"

// Visible reports whether s has a visible character. White space, control and format
// characters are not visible. Neither are Unicode's ignorable characters
// (Default_Ignorable_Code_Point: joiners, fillers, variation selectors, tags), nor a
// few with empty glyphs.
func Visible(s string) bool {
	for _, r := range s {
		if visible(r) {
			return true
		}
	}
	return false
}

// blank are letters and symbols with empty glyphs. Unicode has no property for them.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}},   // BRAILLE PATTERN BLANK
	R32: []unicode.Range32{{Lo: 0x1D159, Hi: 0x1D159, Stride: 1}}, // MUSICAL SYMBOL NULL NOTEHEAD
}

// reserved are the code points that Unicode reserves for default ignorable
// characters, assigned or not.
var reserved = &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0xE0000, Hi: 0xE0FFF, Stride: 1}}}

func visible(r rune) bool {
	switch {
	case r < unicode.MaxASCII: // Most of what people write.
		return r > ' '
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // Format characters that have a glyph.
		return true
	}
	return !unicode.In(r, unicode.White_Space, unicode.Z, unicode.Cc, unicode.Cf,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, reserved, blank)
}
