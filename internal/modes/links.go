package modes

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// withoutSlashes are the schemes that are links without ://.
var withoutSlashes = []string{"mailto:", "magnet:", "tel:", "sms:", "javascript:", "data:"}

// HasLink reports whether a message has a link: a scheme, or labels of which some end in a
// public suffix. Other forms of the same letters, and invisible characters, make no
// difference. e.g.this and 1.2.3 are no links.
func HasLink(content string) bool {
	if strings.IndexFunc(content, mayBegin) < 0 {
		return false
	}
	s := strings.ToLower(norm.NFKC.String(content))
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '。':
			return '.'
		case unicode.In(c, unicode.Cf, unicode.Variation_Selector) || c == '\u034f':
			return -1
		}
		return c
	}, s)
	for at := strings.Index(s, "://"); at >= 0; {
		if hasScheme(s[:at]) {
			return true
		}
		next := strings.Index(s[at+1:], "://")
		if next < 0 {
			break
		}
		at += 1 + next
	}
	for _, scheme := range withoutSlashes {
		for at := strings.Index(s, scheme); at >= 0; {
			before, after := s[:at], s[at+len(scheme):]
			if !endsInLabel(before) && after != "" && !unicode.IsSpace(rune(after[0])) {
				return true
			}
			next := strings.Index(after, scheme)
			if next < 0 {
				break
			}
			at += len(scheme) + next
		}
	}
	for name := range strings.FieldsFuncSeq(s, func(c rune) bool { return c != '.' && !inLabel(c) }) {
		if hasHost(name) {
			return true
		}
	}
	return false
}

// mayBegin reports whether there can be a link with this character in it: a dot, a colon,
// or a form of one.
func mayBegin(c rune) bool { return c == '.' || c == ':' || c > unicode.MaxASCII }

// hasScheme reports whether text ends in a scheme.
func hasScheme(s string) bool {
	name := s[strings.LastIndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("+.-", c)
	})+1:]
	return strings.ContainsFunc(name, func(c rune) bool { return c >= 'a' && c <= 'z' })
}

func inLabel(c rune) bool {
	return c == '-' || unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c)
}

func endsInLabel(s string) bool {
	return strings.LastIndexFunc(s, inLabel) == len(s)-1 && s != ""
}

// mostLabels bounds the labels of one name that are looked at, from each of its dots.
const mostLabels = 128

// hasHost reports whether labels of a name end in a public suffix.
func hasHost(name string) bool {
	labels := strings.Split(name, ".")
	for i := 1; i < min(len(labels), mostLabels); i++ {
		host, label := labels[i-1], labels[i]
		if strings.Trim(host, "-") == "" || label == "" {
			continue
		}
		ascii, err := idna.Punycode.ToASCII(label)
		if err != nil {
			continue
		}
		if suffix, icann := publicsuffix.PublicSuffix("x." + ascii); icann && suffix == ascii {
			return true
		}
	}
	return false
}
