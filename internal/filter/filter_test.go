package filter_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"confab/internal/filter"
)

func compile(tb testing.TB, terms, expressions []string) *filter.Matcher {
	tb.Helper()
	m, err := filter.Compile(terms, expressions)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func find(m *filter.Matcher, content string) (all []filter.Match) {
	t := filter.NewText(content)
	defer t.Release()
	m.Find(t, func(at filter.Match) bool {
		all = append(all, at)
		return true
	})
	return all
}

// matched returns the text of the first match of one term; "" if there is none.
func matched(tb testing.TB, term, content string) string {
	tb.Helper()
	for _, at := range find(compile(tb, []string{term}, nil), content) {
		return content[at.Start:at.End]
	}
	return ""
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		terms, expressions []string
		content            string
		want               string // the content, masked
	}{
		{"a word", []string{"bad"}, nil, "so bad, badly", "so ***, badly"},
		{"through punctuation", []string{"bad"}, nil, "so b.a.d.", "so *****."},
		{"accents belong to their letters", []string{"bad"}, nil, "so ba\u0301d\u0302!", "so *****!"},
		{"several terms, one within another", []string{"bad", "*ad", "bad day"}, nil, "a bad day", "a *******"},
		{"astral characters", []string{"bad"}, nil, "𝐛𝐚𝐝 𝐛𝐚𝐝𝐥𝐲", "*** 𝐛𝐚𝐝𝐥𝐲"},
		{"one character that is two letters", []string{"affe"}, nil, "aﬀe", "***"},
		{"a part of a character that is several letters", []string{"af"}, nil, "aﬀ", "aﬀ"},
		{"emoji", []string{"🖕", ":-("}, nil, "no 🖕🏿:-( :-)", "no ***** :-)"},
		{"an expression", nil, []string{`\d{3}-\d{4}`}, "call 555-1234 or 55-123", "call ******** or 55-123"},
		{"an expression without regard to case", nil, []string{`(?i)WWW\.[a-z]+`}, "see wWw.example or www", "see *********** or www"},
		{"expressions at the start and the end", nil, []string{`^a+`, `\bx$`}, "aa a x", "** a *"},
		{"an expression that matches 15 times", nil, []string{`\d`}, strings.Repeat("1a", 15), strings.Repeat("*a", 15)},
		{"the 16th match of an expression reaches to the end", nil, []string{`\d`}, strings.Repeat("1a", 20), strings.Repeat("*a", 15) + strings.Repeat("*", 10)},
	} {
		m := compile(t, c.terms, c.expressions)
		if got := filter.Mask(c.content, find(m, c.content)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		terms, expressions []string
		want               string
	}{
		{[]string{"a", ""}, nil, `terms[1], "", must have 1 to 100 characters`},
		{[]string{strings.Repeat("é", 101)}, nil, "must have 1 to 100 characters"},
		{[]string{" * "}, nil, "would match every message"},
		{[]string{"** **"}, nil, "would match every message"},
		{[]string{"\u200b\u200d"}, nil, "has only characters that no message shows"},
		{nil, []string{"("}, `expressions[0], "(", is no expression of RE2: missing closing )`},
		{nil, []string{`(?=a)`}, "is no expression of RE2"},
		{nil, []string{`(a)\1`}, "is no expression of RE2"},
		{nil, []string{"a*"}, "would match every message"},
		{nil, []string{`\bx?`}, "would match every message"},
		{nil, []string{`(?:a|b?)+`}, "would match every message"},
		{nil, []string{`(?:a{0,3}$){2}`}, "would match every message"},
		{nil, []string{`[a-z]{99}`}, "is too large: it compiles to"},
		{nil, []string{strings.Repeat("a", 1001)}, "must have 1 to 1000 characters"},
		{nil, []string{`(?:[a-z]+\d){900}`}, "is too large: it compiles to"},
		{nil, []string{`((a{100}){100}){100}`}, "is no expression of RE2: invalid repeat count"},
		{nil, slices.Repeat([]string{`[a-z]{40}!`}, 100), "expressions[46], \"[a-z]{40}!\", is one too many: together they compile to more than 2000"},
	} {
		_, err := filter.Compile(c.terms, c.expressions)
		if _, ok := errors.AsType[*filter.RuleError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.50q %.50q: got %v, want %q", c.terms, c.expressions, err, c.want)
		}
	}
}

// TestFindAgainstModel compares the automaton with a loop over all places and terms.
func TestFindAgainstModel(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	text := func(letters string, most int) string {
		b := make([]byte, 1+random.IntN(most))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	for range 3000 {
		var terms []string
		for range 1 + random.IntN(12) {
			term := strings.TrimSpace(text("abil1 ", 5))
			if term == "" {
				continue
			}
			if random.IntN(4) == 0 {
				term = "*" + term
			}
			if random.IntN(4) == 0 {
				term += "*"
			}
			terms = append(terms, term)
		}
		content := text("aabbil1 -", 24)
		got := map[filter.Match]bool{}
		for _, at := range find(compile(t, terms, nil), content) {
			got[at] = true
		}
		for _, term := range terms {
			for start := range content {
				for end := start + 1; end <= len(content); end++ {
					at := filter.Match{Rule: term, Start: start, End: end}
					if want := modelMatches(term, content, start, end); want != got[at] {
						t.Fatalf("%q in %q at [%d,%d]: got %v, want %v", term, content, start, end, got[at], want)
					}
				}
			}
		}
	}
}

// modelMatches reports whether a term matches a part of a message of ASCII letters, digits,
// spaces and hyphens.
func modelMatches(term, content string, start, end int) bool {
	part := content[start:end]
	isLetter := func(c byte) bool { return c != ' ' && c != '-' }
	if !isLetter(part[0]) || !isLetter(part[len(part)-1]) {
		return false
	}
	bare := strings.Trim(term, "*")
	if !strings.HasPrefix(term, "*") && start > 0 && isLetter(content[start-1]) {
		return false
	}
	if !strings.HasSuffix(term, "*") && end < len(content) && isLetter(content[end]) {
		return false
	}
	// single reports whether the letter at i of content stands alone.
	single := func(i int) bool {
		return (i == 0 || !isLetter(content[i-1])) && (i+1 == len(content) || !isLetter(content[i+1]))
	}
	want := strings.Fields(bare)
	word, letter, last := 0, 0, -1
	for i := start; i < end; i++ {
		if !isLetter(content[i]) {
			continue
		}
		apart := last >= 0 && last < i-1
		if letter == len(want[word]) { // The next word of the term begins: it needs a gap.
			if word, letter = word+1, 0; word == len(want) || !apart {
				return false
			}
		} else if apart && strings.Contains(content[last:i], " ") && (!single(last) || !single(i)) {
			return false
		}
		w, c := want[word][letter], content[i]
		if w != c && (c != '1' || w != 'i' && w != 'l') {
			return false
		}
		letter, last = letter+1, i
	}
	return word == len(want)-1 && letter == len(want[word])
}

// checkMatches holds that each match has characters of the message.
func checkMatches(t *testing.T, rule, content string, all []filter.Match) {
	t.Helper()
	for _, at := range all {
		if at.Start < 0 || at.Start >= at.End || at.End > len(content) {
			t.Fatalf("%q in %q: got %v", rule, content, at)
		}
	}
	if utf8.ValidString(content) {
		masked := filter.Mask(content, all)
		if utf8.RuneCountInString(masked) != utf8.RuneCountInString(content) {
			t.Fatalf("%q in %q: masked as %q", rule, content, masked)
		}
	}
}

func FuzzExpression(f *testing.F) {
	f.Add(`\d{3}-\d{4}`, "call 555-1234")
	f.Add(`^(?i:a|é)+$`, "AÉ")
	f.Add(`(?m)^\b(?:x?y)$|\B.`, "y\nxy\xff")
	f.Add(`(?:a*b?|c)+?`, "abc")
	f.Add(`[^\x00-\x{FFFF}]|(?i)ſk$`, "K🖕")
	f.Add(`(?s)\A.b\z|(?m)x$\n^y`, "x\ny")
	f.Fuzz(func(t *testing.T, expression, content string) {
		m, err := filter.Compile(nil, []string{expression})
		if err != nil {
			if _, ok := errors.AsType[*filter.RuleError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		all := find(m, content)
		checkMatches(t, expression, content, all)
		if want := places(expression, content); !slices.Equal(all, want) {
			t.Fatalf("%q in %q: got %v, want %v", expression, content, all, want)
		}
	})
}

// places returns where package regexp finds the first 16 matches of an expression. The last one
// reaches to the end.
func places(expression, content string) (all []filter.Match) {
	for _, at := range regexp.MustCompile(expression).FindAllStringIndex(content, 16) {
		all = append(all, filter.Match{Rule: expression, Start: at[0], End: at[1]})
	}
	if len(all) == 16 {
		all[15].End = len(content)
	}
	return all
}

// Whether a message has a match is found without package regexp, which is held against it
// here.
func TestExpressionsMatchAsRegexpDoes(t *testing.T) {
	var drawn func(t *rapid.T, depth int) string
	drawn = func(t *rapid.T, depth int) string {
		if depth == 0 {
			return rapid.SampledFrom([]string{`a`, `b`, `\n`, `.`, `(?s:.)`, `[^a]`, `(?i:k)`, `\w`, `\PL`, `[🖕-🖖]`, `\b`, `\B`, `^`, `$`, `(?m:^)`, `(?m:$)`, `\z`}).Draw(t, "part")
		}
		one := drawn(t, depth-1)
		switch rapid.IntRange(0, 6).Draw(t, "form") {
		case 0:
			return one + drawn(t, depth-1)
		case 1:
			return `(?:` + one + `|` + drawn(t, depth-1) + `)`
		case 2:
			return `(?:` + one + `)` + rapid.SampledFrom([]string{`*`, `+?`, `?`, `{2}`, `{1,3}`}).Draw(t, "repeated")
		case 3:
			return `(` + one + `)`
		}
		return one + drawn(t, 0)
	}
	used := 0
	rapid.Check(t, func(t *rapid.T) {
		expression := drawn(t, 4)
		m, err := filter.Compile(nil, []string{expression})
		if err != nil {
			return // It matches the empty text, or is too large.
		}
		used++
		content := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "\n", "k", "K", "\u212a", "é", "🖕", " ", "\xff"}), 0, 12).Draw(t, "content"), "")
		text := filter.NewText(content)
		defer text.Release()
		all, matches := find(m, content), m.Matches(text)
		if want := places(expression, content); matches != (len(want) > 0) || !slices.Equal(all, want) {
			t.Fatalf("%q in %q: got %t and %v, want %v", expression, content, matches, all, want)
		}
	})
	if used == 0 {
		t.Error("no expression was used")
	}
}

// All characters have a class, and those at the borders of what an expression names the right one.
func TestExpressionsKnowAllCharacters(t *testing.T) {
	t.Parallel()
	for expression, table := range map[string]*unicode.RangeTable{
		`\pL`: unicode.L, `\PL`: unicode.L, `\p{Han}`: unicode.Han, `[\x{1F5F0}-\x{20010}]`: {R32: []unicode.Range32{{Lo: 0x1F5F0, Hi: 0x20010, Stride: 1}}},
	} {
		m, re := compile(t, nil, []string{expression}), regexp.MustCompile(expression)
		check := func(r rune) {
			content := string(r)
			text := filter.NewText(content)
			defer text.Release()
			if got, want := m.Matches(text), re.MatchString(content); got != want {
				t.Errorf("%s in %U: got %t, want %t", expression, r, got, want)
			}
		}
		for first := rune(0); first <= unicode.MaxRune; first += 256 {
			check(first)
			check(first + 255)
		}
		for _, r := range table.R16 {
			for _, c := range []rune{rune(r.Lo) - 1, rune(r.Lo), rune(r.Hi), rune(r.Hi) + 1} {
				check(c)
			}
		}
		for _, r := range table.R32 {
			for _, c := range []rune{rune(r.Lo) - 1, rune(r.Lo), rune(r.Hi), rune(r.Hi) + 1} {
				check(c)
			}
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("bad", "so b.a.d")
	f.Add("*bad*", "𝐛𝐚𝐝 @$$ ba\u0301d")
	f.Add("馬鹿", "お前は馬鹿だ")
	f.Add("🖕 🏿", "\xff🖕\u200d")
	f.Add("ﷺ", "ﷺ ½ ™ ß")
	f.Fuzz(func(t *testing.T, term, content string) {
		m, err := filter.Compile([]string{term}, []string{`[a-z]\S`})
		if err != nil {
			if _, ok := errors.AsType[*filter.RuleError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		all := find(m, content)
		checkMatches(t, term, content, all)
		again := find(m, content)
		if !slices.Equal(all, again) {
			t.Fatalf("%q in %q: %v, then %v", term, content, all, again)
		}
	})
}

// words returns n different words of 4 to 12 letters.
func words(n int) (all []string) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		b := make([]byte, 4+random.IntN(7))
		for j := range b {
			b[j] = "etaoinshrdlucmfwypvbgkqjxz"[min(random.IntN(26), random.IntN(26))]
		}
		all = append(all, fmt.Sprintf("%s%c%c", b, 'a'+i%26, 'a'+i/26%26))
	}
	return all
}

func BenchmarkFind(b *testing.B) {
	const message = "I have been watching this stream since it began, and what they did in the last minute is the best thing that I have seen all year! Where can people vote for it? Greetings from Sao Paulo to everyone here ok"
	contents := map[string]string{
		"ascii": message,
		"accents": strings.Map(func(r rune) rune {
			return map[rune]rune{'e': 'é', 'a': 'а', 'o': 'ö'}[r] | r&^map[rune]rune{'e': 0x7f, 'a': 0x7f, 'o': 0x7f}[r]
		}, message),
		"japanese": strings.Repeat("今日の配信はとても面白かったです。", 12)[:600],
		"hostile":  strings.Repeat("e e1eе", 34)[:200],
	}
	for _, n := range []int{0, 100, 10_000} {
		m := compile(b, words(n), nil)
		for name, content := range contents {
			b.Run(fmt.Sprintf("terms=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					t := filter.NewText(content)
					m.Find(t, func(filter.Match) bool { return true })
					t.Release()
				}
			})
		}
	}
}

// BenchmarkMask masks what is found in messages of 200 characters, matches included.
func BenchmarkMask(b *testing.B) {
	const message = "I have been watching this stream since it began, and what they did in the last minute is the best thing that I have seen all year! Where can people vote for it? Greetings from Sao Paulo to everyone here ok"
	terms := words(10_000)
	said := strings.Join(terms[:25], " ")[:200]
	for name, c := range map[string]struct {
		terms, expressions []string
		content            string
	}{
		"10000 terms, no match":        {terms, nil, message},
		"10000 terms, 5 matches":       {terms, nil, strings.Join(terms[:5], " ") + message[:200-len(strings.Join(terms[:5], " "))]},
		"10000 terms, nothing else":    {terms, nil, said},
		"10000 terms, evasions":        {terms, nil, strings.Join(strings.Split(said[:100], ""), ".")},
		"an invitation":                {nil, []string{`discord\.gg/\w+`}, message[:170] + " discord.gg/abcdefg"},
		"a telephone number":           {nil, []string{`\+?\d[\d -]{7,14}\d`}, message[:170] + " +49 170 1234567 ok"},
		"a telephone number by itself": {nil, []string{`\b\d{3}-\d{4}\b`}, message[:170] + " 555-1234 555-1234"},
		"each word":                    {nil, []string{`[a-z]{4,}`}, message},
		"all of it":                    {nil, []string{`(?:\pL+\W?){1,18}\d`}, message[:120] + "1"},
	} {
		m := compile(b, c.terms, c.expressions)
		b.Run(name, func(b *testing.B) {
			const rounds = 10
			var all []filter.Match
			least := time.Hour // As in BenchmarkHostile.
			for b.Loop() {
				began := processorTime(b)
				for range rounds {
					t := filter.NewText(c.content)
					all = all[:0]
					m.Find(t, func(at filter.Match) bool {
						all = append(all, at)
						return true
					})
					filter.Mask(c.content, all)
					t.Release()
				}
				least = min(least, (processorTime(b)-began)/rounds)
			}
			b.ReportMetric(float64(len(all)), "matches")
			b.ReportMetric(float64(least.Nanoseconds()), "cpu-ns/message")
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	all := words(10_000)
	for b.Loop() {
		compile(b, all, nil)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := compile(b, all, nil)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(m)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc), "B/matcher")
}

func BenchmarkExpression(b *testing.B) {
	for name, e := range map[string]string{
		"phone": `\+?\d[\d -]{7,14}\d`, "invite": `discord\.gg/\w+`, "worst": `(?:[a-z]+ ?){1,18}\d[!?]`, "repeat": `([a-z])[a-z]{0,40}[xyz]`, "wide": `(?:a|b|ab|[a-c]+){1,12}[xyz]`,
		"optional": `(?:a?b?c?){1,13}[xyz]`, "classes": `(?:\pL+\W?){1,18}\d`, "matches": `(?:[a-z]?){30}\d|a`,
	} {
		m := compile(b, nil, []string{e})
		for what, content := range map[string]string{"plain": strings.Repeat("hello you ", 50), "hostile": strings.Repeat("abc", 167)[:500]} {
			b.Run(name+"/"+what, func(b *testing.B) {
				t := filter.NewText(content)
				defer t.Release()
				b.ReportAllocs()
				for b.Loop() {
					m.Matches(t)
				}
			})
		}
	}
}
