package policy

import (
	"errors"
	"slices"
	"strings"
)

// quantifier is how a condition treats a key with several values.
type quantifier int

const (
	single       quantifier = iota // no prefix
	forAllValues                   // ForAllValues: every value of the request must pass
	forAnyValue                    // ForAnyValue: one must
)

// condition is one key under one operator.
type condition struct {
	key        string // lower-case
	operator   *operator
	quantifier quantifier
	ifExists   bool
	operands   []operand
	null       []bool // the values of the operator Null, which ignores the values of the key
}

// parseOperator splits an operator: [ForAllValues:|ForAnyValue:]Name[IfExists].
func parseOperator(s string) (condition, error) {
	var c condition
	name := s
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		c.quantifier, name = forAllValues, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		c.quantifier, name = forAnyValue, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	c.operator = operators[name]
	switch {
	case c.operator == nil:
		return c, errors.New("unknown operator; allowed: " + operatorNames + ", each but Null also with the prefix ForAllValues: or ForAnyValue: and the suffix IfExists")
	case c.operator.null && name != s:
		return c, errors.New("the operator Null takes neither a prefix nor a suffix")
	}
	return c, nil
}

// holds reports whether the request meets the condition, in a statement with the
// given effect.
func (c *condition) holds(ctx Context, e effect) bool {
	values := ctx[c.key]
	if c.operator.null {
		return slices.Contains(c.null, len(values) == 0)
	}
	if len(values) == 0 {
		switch c.quantifier {
		case forAllValues:
			return true
		case forAnyValue:
			// No value meets the condition. IfExists does not change that: AWS refuses
			// ForAnyValue:StringEqualsIfExists without the key (observed, AWS re:Post,
			// "ForAnyValue:StringEqualsIfExists behaving unexpectedly").
			return false
		default:
			return c.ifExists || c.operator.negated
		}
	}
	if c.quantifier == single && e == allow && multivalued[c.key] {
		return false
	}
	passes := func(value string) bool {
		matched := slices.ContainsFunc(c.operands, func(o operand) bool { return o(value, ctx) })
		return matched != c.operator.negated
	}
	if c.quantifier == forAnyValue || c.quantifier == single && e == deny {
		return slices.ContainsFunc(values, passes)
	}
	return !slices.ContainsFunc(values, func(v string) bool { return !passes(v) })
}
