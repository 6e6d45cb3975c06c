package review

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Rule gives the target of the handlers whose uri matches its pattern.
type Rule struct {
	// Pattern is the ARN of a Lambda function. It may have asterisks, each of which
	// matches any number of characters.
	Pattern string
	// Target is lambda, lambda:NAME, a URL, or exec:PROGRAM and its arguments,
	// separated by spaces.
	Target string
}

// RuleError describes why a rule cannot be used.
type RuleError struct {
	// Index is the rule's position in Options.Rules.
	Index   int
	Rule    Rule
	Problem string
}

// Error returns the whole line.
func (e *RuleError) Error() string {
	return fmt.Sprintf("message review handler %q: %s", e.Rule.Pattern, e.Problem)
}

// target is a parsed Target. Exactly one of the last two fields is set unless it is a
// Lambda function.
type target struct {
	function string // its name; "" is the uri itself
	url      *url.URL
	program  []string
}

// arnPrefix begins the ARN of every function. A room's handler has no other form (API
// model).
const arnPrefix = "arn:aws:lambda:"

func (r Rule) parse() (target, error) {
	if !strings.HasPrefix(r.Pattern, arnPrefix) && !strings.HasPrefix(r.Pattern, "*") {
		return target{}, fmt.Errorf("the pattern must be the ARN of a Lambda function, with * for any characters: %s…, or * alone", arnPrefix)
	}
	switch kind, rest, _ := strings.Cut(r.Target, ":"); kind {
	case "lambda":
		if r.Target == "lambda:" {
			return target{}, errors.New("lambda: needs the name of a function behind it, or no colon")
		}
		return target{function: rest}, nil
	case "http", "https":
		u, err := url.Parse(r.Target)
		if err != nil || u.Host == "" {
			return target{}, errors.New("the target must be a whole URL, such as http://127.0.0.1:9000/review")
		}
		u.Fragment = ""
		return target{url: u}, nil
	case "exec":
		program := strings.Fields(rest)
		if len(program) == 0 {
			return target{}, errors.New("exec: needs a program behind it, such as exec:./review")
		}
		return target{program: program}, nil
	}
	return target{}, errors.New("the target must be lambda, lambda:NAME, http://…, https://… or exec:PROGRAM")
}

// handler makes the handler of the target.
func (t target) handler(o Options, pattern string, functions *lambdaHandler) handler {
	switch {
	case t.url != nil:
		return newHTTP(o, t.url)
	case t.program != nil:
		return newExec(o, t.program, pattern)
	case t.function != "":
		return functions.named(t.function)
	}
	return functions
}

// route is a compiled rule.
type route struct {
	pattern string
	handler handler
}

// find returns the first rule that matches the uri. The last rule matches every uri.
func (r *Reviewer) find(uri string) route {
	for _, rule := range r.rules {
		if matches(rule.pattern, uri) {
			return rule
		}
	}
	return r.rules[len(r.rules)-1]
}

// matches reports whether the pattern matches all of s. Between two asterisks the
// leftmost match is sufficient, so there is no backtracking.
func matches(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	for {
		var part string
		part, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
}
