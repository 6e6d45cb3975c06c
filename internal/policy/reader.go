package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// SyntaxError is the problem of a policy document and its place.
type SyntaxError struct {
	// Place is the element, for example Statement[1].Condition.StringEqual;
	// empty for the document as a whole.
	Place string
	// Line and Column count from 1, the column in bytes; both are 0 for the document
	// as a whole.
	Line, Column int
	// Problem is what is wrong and what is allowed.
	Problem string
}

// Error returns place, position and problem in one line.
func (e *SyntaxError) Error() string {
	var b strings.Builder
	b.WriteString(e.Place)
	if e.Line > 0 {
		if e.Place != "" {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "(line %d, column %d)", e.Line, e.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// reader reads a JSON text and tracks its position. It refuses invalid UTF-8 and
// duplicate members. Half of an escaped surrogate pair ("\ud83d") is read as U+FFFD.
type reader struct {
	doc   []byte
	dec   *jsontext.Decoder
	start int // of the token that was read last
}

func newReader(doc []byte) *reader {
	// The option would also accept invalid bytes, so it is set only if there are
	// none.
	return &reader{doc: doc, dec: jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowInvalidUTF8(utf8.Valid(doc)))}
}

// next records where the next token begins.
func (p *reader) next() {
	p.start = int(p.dec.InputOffset())
	for p.start < len(p.doc) && strings.IndexByte(" \t\r\n,:", p.doc[p.start]) >= 0 {
		p.start++
	}
}

func (p *reader) token() (jsontext.Token, error) {
	p.next()
	t, err := p.dec.ReadToken()
	return t, p.syntax(err)
}

func (p *reader) skip() error {
	p.next()
	return p.syntax(p.dec.SkipValue())
}

// object reads an object and calls member for each name; member reads the value.
func (p *reader) object(member func(name string) error) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	if t.Kind() != '{' {
		return p.errorf("must be an object, is %s", kindName(t.Kind()))
	}
	for {
		t, err := p.token()
		if err != nil || t.Kind() == '}' {
			return err
		}
		if err := member(t.String()); err != nil {
			return err
		}
	}
}

// oneOrMore reads a value or a non-empty array of values, and calls element for each;
// element reads it.
func (p *reader) oneOrMore(element func() error) error {
	if p.dec.PeekKind() != '[' {
		return element()
	}
	if _, err := p.token(); err != nil {
		return err
	}
	n := 0
	for ; p.dec.PeekKind() != ']'; n++ {
		if err := element(); err != nil {
			return err
		}
	}
	if _, err := p.token(); err != nil {
		return err
	}
	if n == 0 {
		return p.errorf("must not be empty")
	}
	return nil
}

func (p *reader) string() (string, error) { return p.scalar('"') }

// scalar reads a string, or a value of the kind bare: 0 for numbers, t for booleans.
// It returns numbers and booleans as spelled.
func (p *reader) scalar(bare byte) (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	switch kind := t.Kind(); {
	case kind == '"', kind == '0' && bare == '0', (kind == 't' || kind == 'f') && bare == 't':
		return t.String(), nil
	case bare == '0':
		return "", p.errorf("must be a string or a number, is %s", kindName(kind))
	case bare == 't':
		return "", p.errorf("must be true or false, is %s", kindName(kind))
	default:
		return "", p.errorf("must be a string, is %s", kindName(kind))
	}
}

// end checks that there is no more input.
func (p *reader) end() error {
	p.next()
	_, err := p.dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	line, column := p.position(p.start)
	return &SyntaxError{Line: line, Column: column, Problem: "nothing may follow the policy"}
}

// errorf makes an error about the last token. A problem that is only %w is used
// unchanged.
func (p *reader) errorf(format string, args ...any) error {
	line, column := p.position(p.start)
	return &SyntaxError{Place: p.place(), Line: line, Column: column, Problem: fmt.Errorf(format, args...).Error()}
}

// syntax converts an error of the decoder into a SyntaxError.
func (p *reader) syntax(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return &SyntaxError{Problem: "the policy is empty or ends too early"}
	}
	line, column := p.position(int(e.ByteOffset))
	problem := e.Err.Error()
	switch {
	case errors.Is(e, jsontext.ErrDuplicateName):
		problem = "the member is there twice"
	case errors.Is(e, io.ErrUnexpectedEOF):
		problem = "the policy ends too early"
	}
	return &SyntaxError{Place: place(e.JSONPointer, nil), Line: line, Column: column, Problem: problem}
}

func (p *reader) position(offset int) (line, column int) {
	before := p.doc[:min(offset, len(p.doc))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

func (p *reader) place() string { return place(p.dec.StackPointer(), p.dec) }

// place converts a JSON Pointer into readable form: Statement[1].Effect. If dec does
// not know what is an array, a number is an index.
func place(at jsontext.Pointer, dec *jsontext.Decoder) string {
	var b strings.Builder
	depth := 0
	for name := range at.Tokens() {
		depth++
		index := only(name, "0123456789")
		if dec != nil && depth <= dec.StackDepth() {
			kind, _ := dec.StackIndex(depth)
			index = kind == '['
		}
		switch {
		case index:
			b.WriteString("[" + name + "]")
		case b.Len() > 0:
			b.WriteString("." + name)
		default:
			b.WriteString(name)
		}
	}
	return b.String()
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	default:
		return "a boolean"
	}
}
