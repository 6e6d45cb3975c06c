package chat_test

import (
	"testing"

	"confab/internal/chat"
)

func TestVisible(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                       "",
		"white space":                   " \t\r\n\u00a0\u1680\u2003\u2028\u2029\u205f\u3000\u0085",
		"control characters":            "\x00\x1f\x7f\u009f",
		"zero width":                    "\u200b\u200c\u200d\u2060\ufeff",
		"soft hyphen":                   "\u00ad",
		"directions":                    "\u200e\u200f\u202a\u202e\u2066\u2069\u061c",
		"Hangul fillers":                "\u115f\u1160\u3164\uffa0",
		"blank Braille":                 "\u2800",
		"variation selectors":           "\ufe00\ufe0f\U000e0100\U000e01ef\u180b\u180f",
		"Mongolian vowel separator":     "\u180e",
		"tags":                          "\U000e0001\U000e0020\U000e007f",
		"reserved":                      "\u2065\ufff0\U000e0fff",
		"combining grapheme joiner":     "\u034f",
		"Khmer inherent vowels":         "\u17b4\u17b5",
		"invisible operators":           "\u2061\u2064",
		"annotation, without its text":  "\ufff9\ufffb",
		"musical format and a blank":    "\U0001d159\U0001d173\U0001d17a",
		"shorthand format":              "\U0001bca0\U0001bca3",
		"all sorts of them in a string": " \u200b\u3164\n\u2800",
	} {
		if chat.Visible(s) {
			t.Errorf("%s: visible", name)
		}
	}
	for name, s := range map[string]string{
		"a letter":                     "a",
		"punctuation":                  ".",
		"the last of ASCII":            "~",
		"among what is not":            "\u200b\u3164x\u2800",
		"a family":                     "\U0001f468\u200d\U0001f469\u200d\U0001f467",
		"a flag":                       "\U0001f1e9\U0001f1ea",
		"the flag of Scotland":         "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
		"a heart":                      "\u2764\ufe0f",
		"a keycap":                     "1\ufe0f\u20e3",
		"a skin tone":                  "\U0001f3fd",
		"an accent without a letter":   "\u0301",
		"an Arabic number sign":        "\u0600",
		"the end of an ayah":           "\u06dd",
		"Braille":                      "\u2801",
		"a Hangul syllable":            "\ud55c",
		"a character for private use":  "\ue000",
		"what replaces half a one":     "\ufffd",
		"an unassigned character":      "\U0003ffff",
		"Persian with a non-joiner":    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
		"an object replacement":        "\ufffc",
		"a letter with a soft hyphen":  "\u00adb",
		"a Mongolian letter, selected": "\u1820\u180b",
	} {
		if !chat.Visible(s) {
			t.Errorf("%s: not visible", name)
		}
	}
}
