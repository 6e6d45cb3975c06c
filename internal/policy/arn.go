package policy

import (
	"errors"
	"strings"
)

// arnPattern matches ARNs segment by segment: arn, partition, service, region,
// account, resource. The last of its segments takes the rest of the ARN, colons
// and all; a pattern has fewer than six only if it ends with an asterisk.
type arnPattern struct {
	segments []text
}

const arnSegments = 6

// parseARN compiles a pattern for ARNs. "*" matches everything.
func parseARN(s string, d dialect) (arnPattern, error) {
	d.wildcards = true
	pieces := splitARN(s, d.variables)
	switch last := pieces[len(pieces)-1]; {
	case s == "*":
	case pieces[0] != "arn" || len(pieces) == 1,
		len(pieces) < arnSegments && !strings.HasSuffix(last, "*"),
		len(pieces) > 1 && pieces[1] == "", len(pieces) > 2 && pieces[2] == "", last == "":
		return arnPattern{}, errors.New("this is no ARN; allowed are arn:<partition>:<service>:<region>:<account>:<resource>, with wildcards, and *")
	}
	var p arnPattern
	for _, piece := range pieces {
		t, err := parseText(piece, d)
		if err != nil {
			return arnPattern{}, err
		}
		p.segments = append(p.segments, t)
	}
	return p, nil
}

// parseResource compiles an entry of Resource. There, variables may stand in
// the last segment only.
func parseResource(s string, d dialect) (arnPattern, error) {
	p, err := parseARN(s, d)
	if err != nil {
		return arnPattern{}, err
	}
	for i, t := range p.segments {
		if t.parts != nil && i < arnSegments-1 {
			return arnPattern{}, errors.New("policy variables are allowed after the fifth colon of an ARN only")
		}
	}
	return p, nil
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

// match holds an ARN against the pattern. The value of a variable never reaches
// beyond its segment.
func (p arnPattern) match(arn string, ctx Context) verdict {
	for i := range p.segments {
		segment := arn
		if i < len(p.segments)-1 {
			var ok bool
			if segment, arn, ok = strings.Cut(arn, ":"); !ok {
				return differs
			}
		}
		pattern, ok := p.segments[i].expand(ctx)
		if !ok {
			return unresolved
		}
		if !glob(pattern, segment) {
			return differs
		}
	}
	return matches
}
