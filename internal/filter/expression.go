package filter

import (
	"fmt"
	"iter"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of expressions. In the worst case, the time to search a message for one is in
// proportion to its instructions times the length of the message. To find where the matches
// are takes some ten times as long.
const (
	// MaxExpression is the most characters of one.
	MaxExpression = 1000
	// maxInstructions is the most instructions that one compiles to.
	maxInstructions = 100
	// maxAllInstructions is the most instructions of all expressions of a matcher.
	maxAllInstructions = 2000
	// mostMatches bounds the matches of one, because each needs a new search. The last one
	// reaches to the end of the message.
	mostMatches = 16
)

// expression is a compiled expression.
type expression struct {
	rule         string
	re           *regexp.Regexp // says where the matches are
	automaton    *positionAutomaton
	instructions int
	// literal is in every match, without regard to case; "" if none is known. The
	// expression is tried only if a message has it.
	literal string
}

// parseExpression returns the problem of an expression that cannot be used.
func parseExpression(rule string) (e *expression, problem string) {
	if n := utf8.RuneCountInString(rule); n == 0 || n > MaxExpression {
		return nil, fmt.Sprintf("must have 1 to %d characters", MaxExpression)
	}
	re, err := regexp.Compile(rule)
	if err != nil {
		return nil, "is no expression of RE2: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	parsed, err := syntax.Parse(rule, syntax.Perl)
	if err != nil {
		return nil, "is no expression of RE2: " + err.Error()
	}
	if isEmptyable(parsed) {
		return nil, "matches the empty text, so it would match every message"
	}
	parsed = parsed.Simplify()
	prog, err := syntax.Compile(parsed)
	if err != nil {
		return nil, "is no expression of RE2: " + err.Error()
	}
	n := len(prog.Inst)
	if n > maxInstructions {
		return nil, fmt.Sprintf("is too large: it compiles to %d instructions, and at most %d are allowed; repeat less", n, maxInstructions)
	}
	return &expression{rule: rule, re: re, automaton: newPositionAutomaton(prog), instructions: n, literal: strings.Map(fold, literalIn(parsed))}, ""
}

// isEmptyable reports whether an expression can match no characters, somewhere.
func isEmptyable(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpLiteral:
		return len(re.Rune) == 0
	case syntax.OpCapture, syntax.OpPlus:
		return isEmptyable(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 || isEmptyable(re.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !isEmptyable(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, isEmptyable)
	}
	return true // OpStar, OpQuest, and those that match a place.
}

// literalIn returns the longest text that every match of an expression has, as far as it
// is easy to see.
func literalIn(re *syntax.Regexp) (longest string) {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return literalIn(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return literalIn(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if l := literalIn(sub); len(l) > len(longest) {
				longest = l
			}
		}
	}
	return longest
}

// matches reports whether a message has a match.
func (e *expression) matches(t *Text) bool {
	return (e.literal == "" || strings.Contains(t.lower(), e.literal)) && e.automaton.matches(t.content)
}

// find calls found for each match, until it returns false. It reports whether it came to
// the end.
func (e *expression) find(t *Text, found func(Match) bool) bool {
	if !e.matches(t) {
		return true
	}
	n := 0
	for start, end := range e.all(t.content) {
		if n++; n == mostMatches {
			end = len(t.content)
		}
		if !found(Match{Rule: e.rule, Start: start, End: end}) {
			return false
		}
		if n == mostMatches {
			break
		}
	}
	return true
}

// all iterates over the matches in a text that has one. Package regexp searches only where the
// automaton has found a match, unless the expression has conditions: these look at what is
// outside.
func (e *expression) all(text string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		if e.automaton.conditions {
			for _, at := range e.re.FindAllStringIndex(text, mostMatches) {
				if !yield(at[0], at[1]) {
					return
				}
			}
			return
		}
		for start, end, ok := e.automaton.window(text, 0); ok; start, end, ok = e.automaton.window(text, end) {
			at := e.re.FindStringIndex(text[start:end])
			if start, end = start+at[0], start+at[1]; !yield(start, end) {
				return
			}
		}
	}
}
