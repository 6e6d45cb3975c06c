// Package filter finds words and patterns in messages, for content filters.
//
//	Text      a message, read as letters: without case, width, accents, invisible characters
//	Matcher   the terms and expressions of one filter, compiled
//	Mask      replaces what was found
//
// Terms match whole words (UAX #29, see Text.isEdge), or anywhere in scripts without
// spaces. They match through punctuation, symbols and invisible characters, and through
// white space between single letters. Letters match letters of other scripts, and digits,
// that look like them (lookalikes.go).
//
// All terms of a matcher are found in one pass (automaton.go). It works on classes of
// letters that look alike, and each match is checked letter by letter. There are libraries
// of the algorithm; they work on bytes, and keep several times the memory for each state.
// The time for terms is linear in the length of the message. Expressions are those of RE2,
// with the bounds in expression.go.
package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The most rules of one matcher.
const (
	MaxTerms       = 10_000
	MaxExpressions = 100
)

// Matcher is compiled terms and expressions. It is immutable.
type Matcher struct {
	letters, symbols *automaton // nil without terms
	expressions      []*expression
}

// Match is where a rule matches.
type Match struct {
	Rule       string // as it was written
	Start, End int    // in bytes
}

// RuleError says which term or expression cannot be used, and why.
type RuleError struct {
	Member  string // terms or expressions
	Index   int
	Rule    string
	Problem string
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("%s[%d], %.100q, %s", e.Member, e.Index, e.Rule, e.Problem)
}

// Compile makes a matcher. An error is a *RuleError.
func Compile(terms, expressions []string) (*Matcher, error) {
	m := new(Matcher)
	var letters, symbols []*term
	known := make(map[string]bool, len(terms))
	for i, rule := range terms {
		t, problem := parseTerm(rule)
		switch {
		case problem != "":
			return nil, &RuleError{Member: "terms", Index: i, Rule: rule, Problem: problem}
		case known[rule]:
		case t.isSymbols:
			symbols = append(symbols, t)
		default:
			letters = append(letters, t)
		}
		known[rule] = true
	}
	m.letters, m.symbols = newAutomaton(letters), newAutomaton(symbols)
	instructions := 0
	for i, rule := range expressions {
		e, problem := parseExpression(rule)
		if problem == "" {
			if instructions += e.instructions; instructions > maxAllInstructions {
				problem = fmt.Sprintf("is one too many: together they compile to more than %d instructions; use terms or another filter", maxAllInstructions)
			}
		}
		if problem != "" {
			return nil, &RuleError{Member: "expressions", Index: i, Rule: rule, Problem: problem}
		}
		m.expressions = append(m.expressions, e)
	}
	return m, nil
}

// Find calls found for each match in a message, until found returns false. It may report a
// match twice.
func (m *Matcher) Find(t *Text, found func(Match) bool) {
	if !m.findTerms(t, found) {
		return
	}
	for _, e := range m.expressions {
		if !e.find(t, found) {
			return
		}
	}
}

// Matches reports whether there is a match in a message. It costs less than Find.
func (m *Matcher) Matches(t *Text) bool {
	if !m.findTerms(t, func(Match) bool { return false }) {
		return true
	}
	return slices.ContainsFunc(m.expressions, func(e *expression) bool { return e.matches(t) })
}

// findTerms is Find for terms. It returns false if found did.
func (m *Matcher) findTerms(t *Text, found func(Match) bool) bool {
	if m.letters != nil {
		if !m.letters.find(t, t.letters, found) || len(t.written) > 0 && !m.letters.find(t, t.written, found) {
			return false
		}
	}
	return m.symbols == nil || m.symbols.find(t, t.symbols, found)
}

// Mask replaces each character of the matches by an asterisk.
func Mask(content string, matches []Match) string {
	if len(matches) == 0 {
		return content
	}
	masked := make([]bool, len(content))
	for _, m := range matches {
		for i := m.Start; i < m.End; i++ {
			masked[i] = true
		}
	}
	var b strings.Builder
	b.Grow(len(content))
	for i := 0; i < len(content); {
		_, size := utf8.DecodeRuneInString(content[i:])
		if masked[i] {
			b.WriteByte('*')
		} else {
			b.WriteString(content[i : i+size])
		}
		i += size
	}
	return b.String()
}
