package chattoken

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/chat"
)

// claims are the claims of a JWT that mean something here.
type claims struct {
	room, user, id             string
	capabilities               []string
	attributes                 map[string]string
	issued, expires, notBefore time.Time
	session                    float64 // minutes
}

var (
	errNotJWT   = errors.New("it must be a JWT with kid, and with alg HS256, EdDSA, ES256 or RS256")
	errCritical = errors.New("it has critical header parameters, of which none is known")
	errNoSigner = errors.New("no signer has its kid and alg")

	errClaims = errors.New("its claims must be one JSON object, each claim once")
	errText   = errors.New("must be a string")
	errNumber = errors.New("must be a number of seconds since 1970")
)

// readHeader returns the signer's name and the algorithm that the header of a JWT names.
func readHeader(header string) (kid, alg string, err error) {
	text, err := encoding.DecodeString(header)
	if err != nil {
		return "", "", errNotJWT
	}
	err = eachMember(text, func(name string, d *jsontext.Decoder) (err error) {
		switch name {
		case "kid":
			kid, err = readText(d)
		case "alg":
			alg, err = readText(d)
		case "crit":
			return errCritical // RFC 7515, 4.1.11
		default:
			return d.SkipValue()
		}
		return err
	})
	if err != nil && !errors.Is(err, errCritical) {
		err = errNotJWT
	}
	return kid, alg, err
}

// read reads the payload of a JWT. It ignores claims that it does not know.
func (c *claims) read(payload []byte) error {
	return eachMember(payload, func(name string, d *jsontext.Decoder) error {
		if err := c.set(name, d); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		return nil
	})
}

// eachMember calls do for each member of a JSON object, to read its value, until one fails.
// Half of an escaped surrogate pair is U+FFFD, as in the operations; invalid UTF-8 is refused.
func eachMember(object []byte, do func(name string, d *jsontext.Decoder) error) error {
	halves := jsontext.AllowInvalidUTF8(utf8.Valid(object))
	d := jsontext.NewDecoder(bytes.NewBuffer(object), halves) // The decoder does not copy a bytes.Buffer.
	if start, err := d.ReadToken(); err != nil || start.Kind() != '{' {
		return errClaims
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return errClaims
		}
		if err := do(name.String(), d); err != nil {
			if _, syntax := errors.AsType[*jsontext.SyntacticError](err); syntax {
				return errClaims
			}
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return errClaims
	}
	if _, err := d.ReadToken(); err != io.EOF { //nolint:errorlint // The decoder returns it as it is.
		return errClaims
	}
	return nil
}

func (c *claims) set(name string, d *jsontext.Decoder) (err error) {
	switch name {
	case "room":
		c.room, err = readText(d)
	case "sub":
		c.user, err = readText(d)
	case "jti":
		c.id, err = readText(d)
	case "caps":
		c.capabilities, err = readCapabilities(d)
	case "attrs":
		c.attributes, err = readAttributes(d)
	case "iat":
		c.issued, err = readTime(d)
	case "exp":
		c.expires, err = readTime(d)
	case "nbf":
		c.notBefore, err = readTime(d)
	case "session":
		if c.session, err = readNumber(d); err != nil {
			err = errors.New("must be a number of minutes")
		}
	default:
		err = d.SkipValue()
	}
	return err
}

func readText(d *jsontext.Decoder) (string, error) {
	t, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	if t.Kind() != '"' {
		return "", errText
	}
	return t.String(), nil
}

// readCapabilities reads an array of strings. It has at most as many as there are
// capabilities.
func readCapabilities(d *jsontext.Decoder) (all []string, err error) {
	wrong := errors.New("must be an array of SEND_MESSAGE, DELETE_MESSAGE and DISCONNECT_USER, each once")
	if start, err := d.ReadToken(); err != nil || start.Kind() != '[' {
		return nil, wrong
	}
	for d.PeekKind() != ']' {
		one, err := d.ReadToken()
		if err != nil || one.Kind() != '"' || len(all) == len(capabilities) {
			return nil, wrong
		}
		all = append(all, one.String())
	}
	_, err = d.ReadToken()
	return all, err
}

func readAttributes(d *jsontext.Decoder) (map[string]string, error) {
	value, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	all, err := chat.DecodeStrings(value)
	if err != nil {
		return nil, errors.New("must be an object of strings")
	}
	return all, nil
}

func readNumber(d *jsontext.Decoder) (float64, error) {
	t, err := d.ReadToken()
	if err != nil {
		return 0, err
	}
	if t.Kind() != '0' {
		return 0, errNumber
	}
	n, err := t.Float()
	if err != nil {
		return 0, errNumber
	}
	return n, nil
}

// readTime reads a NumericDate (RFC 7519, 2): seconds since 1970, possibly with a fraction.
func readTime(d *jsontext.Decoder) (time.Time, error) {
	n, err := readNumber(d)
	if err != nil || n <= 0 || n > latestSeconds {
		return time.Time{}, errNumber
	}
	seconds, fraction := math.Modf(n)
	return time.Unix(int64(seconds), int64(fraction*float64(time.Second))).UTC(), nil
}
