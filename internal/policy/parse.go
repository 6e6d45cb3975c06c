package policy

import (
	"fmt"
	"slices"
	"strings"
)

// MaxSize is the limit of a policy document in bytes without white space. It is the
// largest that IAM accepts for an inline policy (IAM quotas: 10,240 characters for
// roles; managed policies have 6,144, those of users 2,048).
const MaxSize = 10240

// MaxRawSize is the limit of a policy document with its white space.
const MaxRawSize = 64 << 10

// The versions of the policy language. The older one, which is also the default
// without Version, has no policy variables.
const (
	version2012 = "2012-10-17"
	version2008 = "2008-10-17"
)

// Parse reads an identity-based policy. Errors are *SyntaxError.
func Parse(doc []byte) (*Document, error) {
	if err := checkSize(doc); err != nil {
		return nil, err
	}
	version, err := readVersion(doc)
	if err != nil {
		return nil, err
	}
	p := newReader(doc)
	b := builder{reader: p, variables: version == version2012, sids: make(map[string]bool)}
	hasStatement := false
	err = p.object(func(name string) error {
		switch name {
		case "Version":
			_, err := p.string()
			return err
		case "Id":
			_, err := p.string()
			return err
		case "Statement":
			hasStatement = true
			return p.oneOrMore(b.statement)
		default:
			return p.errorf("unknown element; allowed: Version, Id, Statement")
		}
	})
	switch {
	case err != nil:
		return nil, err
	case !hasStatement:
		return nil, p.errorf("Statement is missing")
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return &b.doc, nil
}

func checkSize(doc []byte) error {
	size := 0
	for _, c := range doc {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			size++
		}
	}
	if size > MaxSize {
		return &SyntaxError{Problem: fmt.Sprintf("the policy has %d bytes without white space; at most %d are allowed", size, MaxSize)}
	}
	if len(doc) > MaxRawSize {
		return &SyntaxError{Problem: fmt.Sprintf("the policy has %d bytes; at most %d are allowed", len(doc), MaxRawSize)}
	}
	return nil
}

// readVersion finds the Version first, because it affects elements that may come
// before it.
func readVersion(doc []byte) (string, error) {
	p := newReader(doc)
	version := version2008
	err := p.object(func(name string) (err error) {
		if name != "Version" {
			return p.skip()
		}
		if version, err = p.string(); err == nil && version != version2012 && version != version2008 {
			return p.errorf("unknown version; allowed: %s, %s (without policy variables)", version2012, version2008)
		}
		return err
	})
	return version, err
}

// builder makes a Document from the input of a reader.
type builder struct {
	*reader
	doc       Document
	variables bool
	sids      map[string]bool
}

func (b *builder) statement() error {
	var s statement
	seen := make(map[string]bool)
	err := b.object(func(name string) error {
		seen[name] = true
		switch name {
		case "Sid":
			return b.sid()
		case "Effect":
			return b.effect(&s)
		case "Action", "NotAction":
			s.notAction = name == "NotAction"
			return b.oneOrMore(func() error { return b.action(&s) })
		case "Resource", "NotResource":
			s.notResource = name == "NotResource"
			return b.oneOrMore(func() error { return b.resource(&s) })
		case "Condition":
			return b.object(func(operator string) error { return b.condition(&s, operator) })
		case "Principal", "NotPrincipal":
			return b.errorf("not allowed: the principal of an identity-based policy is the identity that has it")
		default:
			return b.errorf("unknown element; allowed: Sid, Effect, Action, NotAction, Resource, NotResource, Condition")
		}
	})
	switch {
	case err != nil:
		return err
	case !seen["Effect"]:
		return b.errorf("Effect is missing; allowed: Allow, Deny")
	case seen["Action"] == seen["NotAction"]:
		return b.errorf("there must be either Action or NotAction")
	case seen["Resource"] == seen["NotResource"]:
		return b.errorf("there must be either Resource or NotResource")
	}
	b.doc.statements = append(b.doc.statements, s)
	return nil
}

func (b *builder) sid() error {
	sid, err := b.string()
	switch {
	case err != nil:
		return err
	case sid != "" && !only(sid, lettersAndDigits):
		return b.errorf("a Sid is made of the letters A-Z, a-z and the digits 0-9")
	case b.sids[sid]:
		return b.errorf("another statement has the same Sid; each must be unique in its policy")
	}
	if sid != "" {
		b.sids[sid] = true
	}
	return nil
}

func (b *builder) effect(s *statement) error {
	v, err := b.string()
	if err != nil {
		return err
	}
	if v != "Allow" && v != "Deny" {
		return b.errorf("unknown effect; allowed: Allow, Deny")
	}
	s.effect = v == "Allow"
	return nil
}

func (b *builder) action(s *statement) error {
	v, err := b.string()
	if err != nil {
		return err
	}
	service, name, ok := strings.Cut(v, ":")
	if v != "*" && (!ok || !only(service, lettersAndDigits+"-") || !only(name, lettersAndDigits+"*?")) {
		return b.errorf("this is no action; allowed are <service>:<action>, such as ivschat:CreateRoom, with the wildcards * and ? after the colon, and *")
	}
	t, err := parseText(strings.ToLower(v), dialect{wildcards: true})
	if err != nil {
		return b.errorf("%w", err)
	}
	s.actions = append(s.actions, t.literal)
	b.doc.checks = append(b.doc.checks, check{place: b.place(), written: v, pattern: t})
	return nil
}

func (b *builder) resource(s *statement) error {
	v, err := b.string()
	if err != nil {
		return err
	}
	p, err := parseResource(v, dialect{variables: b.variables})
	if err != nil {
		return b.errorf("%w", err)
	}
	s.resources = append(s.resources, p)
	b.doc.checks = append(b.doc.checks, check{place: b.place(), written: v, pattern: p, resource: true})
	return nil
}

// condition reads the keys under one operator.
func (b *builder) condition(s *statement, operator string) error {
	template, err := parseOperator(operator)
	if err != nil {
		return b.errorf("%w", err)
	}
	var keys []string
	return b.object(func(key string) error {
		if err := checkKey(key); err != nil {
			return b.errorf("%w", err)
		}
		c := template
		c.key = strings.ToLower(key)
		if slices.Contains(keys, c.key) {
			return b.errorf("the key is there twice; its case does not matter")
		}
		keys = append(keys, c.key)
		if c.quantifier == single && !c.operator.null && multivalued[c.key] {
			b.doc.checks = append(b.doc.checks, check{place: b.place(), problem: "a key of several values needs ForAllValues: or ForAnyValue: before the operator; without, an Allow statement never applies when the key is there"})
		}
		err := b.oneOrMore(func() error { return b.operand(&c) })
		s.conditions = append(s.conditions, c)
		return err
	})
}

func (b *builder) operand(c *condition) error {
	v, err := b.scalar(c.operator.bare)
	if err != nil {
		return err
	}
	if c.operator.null {
		missing, err := readBool(v)
		if err != nil {
			return b.errorf("%w", err)
		}
		c.null = append(c.null, missing)
		return nil
	}
	o, err := c.operator.parse(v, dialect{variables: b.variables})
	if err != nil {
		return b.errorf("%w", err)
	}
	c.operands = append(c.operands, o)
	return nil
}
