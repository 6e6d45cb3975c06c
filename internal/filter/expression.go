package filter

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// The bounds of an expression: its characters, and the instructions that it compiles to.
const (
	MaxExpression   = 1000
	maxInstructions = 1000
)

// expression is a compiled expression.
type expression struct {
	rule string
	re   *regexp.Regexp
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
	if re.MatchString("") {
		return nil, "matches the empty text, so it would match every message"
	}
	parsed, err := syntax.Parse(rule, syntax.Perl)
	if err != nil {
		return nil, "is no expression of RE2: " + err.Error()
	}
	parsed = parsed.Simplify()
	prog, err := syntax.Compile(parsed)
	if err != nil {
		return nil, "is no expression of RE2: " + err.Error()
	}
	if n := len(prog.Inst); n > maxInstructions {
		return nil, fmt.Sprintf("is too large: it compiles to %d instructions, and at most %d are allowed; repeat less", n, maxInstructions)
	}
	return &expression{rule: rule, re: re, literal: strings.Map(fold, literalIn(parsed))}, ""
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

// find calls found for each match that is not empty, until it returns false. It reports
// whether it came to the end.
func (e *expression) find(t *Text, found func(Match) bool) bool {
	if e.literal != "" && !strings.Contains(t.lower(), e.literal) {
		return true
	}
	if !e.re.MatchString(t.content) { // This costs less than to find where.
		return true
	}
	for _, at := range e.re.FindAllStringIndex(t.content, -1) {
		if at[0] < at[1] && !found(Match{Rule: e.rule, Start: at[0], End: at[1]}) {
			return false
		}
	}
	return true
}
