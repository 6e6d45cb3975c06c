package policy

import (
	"errors"
	"slices"
	"strings"
)

// arnSegments is the number of parts of an ARN: arn, partition, service, region,
// account, resource. The last part is the rest of the ARN, including colons.
const arnSegments = 6

var errNoARN = errors.New("this is no ARN; allowed are arn:<partition>:<service>:<region>:<account>:<resource>, with wildcards, and *")

// checkARN checks the form of a pattern for ARNs and returns its parts. A pattern
// with fewer than six parts needs an asterisk that matches the missing colons. With
// wide, any asterisk may do so, otherwise only one at the end.
func checkARN(s string, variables, wide bool) ([]string, error) {
	pieces := splitARN(s, variables)
	last := pieces[len(pieces)-1]
	missing := len(pieces) < arnSegments
	switch {
	case s == "*":
	case pieces[0] != "arn" || len(pieces) == 1 || last == "",
		len(pieces) > 1 && pieces[1] == "", len(pieces) > 2 && pieces[2] == "",
		missing && wide && !slices.ContainsFunc(pieces, hasAsterisk),
		missing && !wide && !strings.HasSuffix(last, "*"):
		return nil, errNoARN
	}
	return pieces, nil
}

// hasAsterisk reports whether a part of an ARN has an asterisk outside of
// variables.
func hasAsterisk(piece string) bool {
	for {
		plain, rest, variable := strings.Cut(piece, "${")
		if strings.Contains(plain, "*") || !variable {
			return strings.Contains(plain, "*")
		}
		_, piece, _ = strings.Cut(rest, "}")
	}
}

// splitARN splits s at the first five colons that are not part of a variable.
func splitARN(s string, variables bool) []string {
	var pieces []string
	from, inside := 0, false
	for i := range len(s) {
		switch {
		case variables && strings.HasPrefix(s[i:], "${"):
			inside = true
		case s[i] == '}':
			inside = false
		case s[i] == ':' && !inside && len(pieces) < arnSegments-1:
			pieces = append(pieces, s[from:i])
			from = i + 1
		}
	}
	return append(pieces, s[from:])
}

// parseResource compiles an entry of Resource or NotResource. The pattern is matched
// against the whole ARN. A wildcard may match colons too, as in IAM ("IAM JSON policy
// elements: Resource"), so arn:aws:ivschat:*:room/* matches every room. Variables are
// allowed in the resource part only.
func parseResource(s string, d dialect) (text, error) {
	d.wildcards = true
	pieces, err := checkARN(s, d.variables, true)
	if err != nil {
		return text{}, err
	}
	t, err := parseText(s, d)
	if err != nil || t.parts == nil {
		return t, err
	}
	before := t.parts[0].literal
	if n := strings.Count(before, ":"); n < arnSegments-1 && (n < len(pieces)-1 || !strings.Contains(before, anyRun)) {
		return text{}, errors.New("policy variables are allowed after the fifth colon of an ARN only")
	}
	return t, nil
}

// arnPattern is an operand of ArnLike and similar operators. Unlike an entry of
// Resource, it matches ARNs part by part: "each of the six colon-delimited components
// of the ARN is checked separately" (IAM User Guide, "Condition operators").
type arnPattern []text

// parseARN compiles a pattern for ARNs. "*" matches everything, and in a pattern
// of fewer than six parts the asterisk at the end matches the rest of the ARN.
func parseARN(s string, d dialect) (arnPattern, error) {
	d.wildcards = true
	pieces, err := checkARN(s, d.variables, false)
	if err != nil {
		return nil, err
	}
	var p arnPattern
	for _, piece := range pieces {
		t, err := parseText(piece, d)
		if err != nil {
			return nil, err
		}
		p = append(p, t)
	}
	return p, nil
}

// match reports whether the pattern matches an ARN. The value of a variable matches
// only inside its own part.
func (p arnPattern) match(arn string, ctx Context) bool {
	for i := range p {
		segment := arn
		if i < len(p)-1 {
			var ok bool
			if segment, arn, ok = strings.Cut(arn, ":"); !ok {
				return false
			}
		}
		pattern, ok := p[i].expand(ctx)
		if !ok || !glob(pattern, segment) {
			return false
		}
	}
	return true
}
