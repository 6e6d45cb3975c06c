package chattoken

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"confab/internal/chat"
)

// The limits of signed tokens.
const (
	// MaxSignedLifetime is the most time between iat and exp.
	MaxSignedLifetime = 24 * time.Hour
	// signedSkew is how much the clock of the signer may differ.
	signedSkew    = time.Minute
	maxTokenID    = 256 // bytes of jti
	maxUserID     = 128 // characters of sub
	latestSeconds = 1 << 37
)

// signedParser verifies signatures, and nothing else: times are checked in token, and the
// key function binds the algorithm of a token to its signer.
var signedParser = jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())

// isSigned reports whether s has the form of a JWT: three parts with dots between them.
// No token of ours has a dot.
func isSigned(s string) bool { return strings.IndexByte(s, '.') >= 0 }

// openSigned returns the content of a token that an application has signed. It says what
// is wrong with claims only after it has verified the signature.
func (r *Ring) openSigned(ctx context.Context, s string) (*chat.Token, error) {
	// The decoder of base64 leaves out line breaks, strict or not: one token would have
	// many forms.
	if len(s) > MaxLength || r.o.Signers == nil || strings.ContainsAny(s, "\r\n") {
		return nil, invalid()
	}
	var v *verifier
	c := &claims{session: float64(chat.DefaultSession / time.Minute)}
	_, err := signedParser.ParseWithClaims(s, c, func(t *jwt.Token) (any, error) {
		if t.Header["crit"] != nil {
			return nil, errCritical // RFC 7515, 4.1.11
		}
		kid, _ := t.Header["kid"].(string)
		if v = (*r.signers.Load())[kid]; v == nil {
			v = (*r.reloadForSigner(ctx, kid))[kid]
		}
		if v == nil || t.Method.Alg() != v.Algorithm {
			v = nil
			return nil, errNoSigner
		}
		return v.key, nil
	})
	switch {
	case errors.Is(err, errCritical):
		return nil, signedInvalid("%v", errCritical)
	case errors.Is(err, errNoSigner):
		return nil, signedInvalid("%v", errNoSigner)
	case v == nil:
		return nil, signedInvalid("it must be a JWT with kid, and with alg HS256, EdDSA, ES256 or RS256")
	case err != nil:
		return nil, signedInvalid("its signature is not that of the signer %s", v.Name)
	case c.problem != nil:
		return nil, signedInvalid("%v", c.problem)
	}
	return r.token(v, c)
}

// token makes a token of verified claims, if they are within what the signer may sign.
func (r *Ring) token(v *verifier, c *claims) (*chat.Token, error) {
	room, err := chat.ParseARN(c.room)
	switch {
	case c.room == "" || err != nil || room.Type != chat.RoomResource:
		return nil, signedInvalid("room must be the ARN of a room")
	case room.Region != r.o.Region || room.Account != r.o.Account:
		return nil, signedInvalid("room must be in the region %s and the account %s", r.o.Region, r.o.Account)
	case !v.allows(room):
		return nil, signedInvalid("the signer %s may not sign for this room", v.Name)
	case c.user == "" || utf8.RuneCountInString(c.user) > maxUserID:
		return nil, signedInvalid("sub must be a user id of 1 to %d characters", maxUserID)
	case chat.AttributesSize(c.attributes) > chat.MaxAttributes:
		return nil, signedInvalid("attrs must have at most %d bytes of keys and values", chat.MaxAttributes)
	case c.id == "" || len(c.id) > maxTokenID:
		return nil, signedInvalid("jti must be a string of 1 to %d bytes that no other token has", maxTokenID)
	case c.session < 1 || c.session > float64(chat.MaxSession/time.Minute) || c.session != math.Trunc(c.session):
		return nil, signedInvalid("session must be a number of minutes from 1 to %d", chat.MaxSession/time.Minute)
	}
	for _, name := range c.capabilities {
		if !slices.Contains(v.Capabilities, chat.Capability(name)) {
			return nil, signedInvalid("the signer %s may not give the capability %.64q", v.Name, name)
		}
	}
	t := &chat.Token{Room: room, UserID: c.user, Attributes: c.attributes}
	for _, name := range c.capabilities {
		if !t.Can(chat.Capability(name)) {
			t.Capabilities = append(t.Capabilities, chat.Capability(name))
		}
	}
	copy(t.ID[:], signedID(v.Name, c.id))
	if err := r.times(t, c); err != nil {
		return nil, err
	}
	return t, nil
}

// times sets the times of a token. A session that is over cannot begin.
func (r *Ring) times(t *chat.Token, c *claims) error {
	now := r.o.Now()
	switch {
	case c.issued.IsZero() || c.expires.IsZero():
		return signedInvalid("iat and exp are required, in seconds since 1970")
	case !c.expires.After(c.issued) || c.expires.Sub(c.issued) > MaxSignedLifetime:
		return signedInvalid("exp must be after iat, by at most %d hours", MaxSignedLifetime/time.Hour)
	case c.issued.After(now.Add(signedSkew)):
		return signedInvalid("iat is in the future; the clocks differ")
	case c.notBefore.After(now.Add(signedSkew)):
		return signedInvalid("nbf is in the future")
	}
	t.IssuedAt = c.issued
	t.SessionExpires = c.issued.Add(time.Duration(c.session) * time.Minute)
	t.Expires = c.expires.Add(signedSkew)
	if t.SessionExpires.Before(t.Expires) {
		t.Expires = t.SessionExpires
	}
	return nil
}

// signedID is the id under which a signed token is spent: of the hash of its kid and jti,
// so that all nodes know it, and no other kid has it.
func signedID(kid, jti string) []byte {
	sum := sha256.Sum256([]byte("confab signed token\x00" + kid + "\x00" + jti))
	return sum[:16]
}

func signedInvalid(format string, args ...any) error {
	return chat.Errorf(chat.Unauthenticated, "The signed chat token is not valid: %s", fmt.Sprintf(format, args...))
}

// claims are the claims of a JWT that mean something here.
type claims struct {
	room, user, id             string
	capabilities               []string
	attributes                 map[string]string
	issued, expires, notBefore time.Time
	session                    float64 // minutes
	// problem is what is wrong with the JSON. It is reported once the signature was
	// verified.
	problem error

	jwt.Claims // Its methods are not called: the parser validates no claims.
}

var (
	errCritical = errors.New("it has critical header parameters, of which none is known")
	errNoSigner = errors.New("no signer has its kid and alg")

	errClaims = errors.New("its claims must be one JSON object, each claim once")
	errText   = errors.New("must be a string")
	errNumber = errors.New("must be a number of seconds since 1970")
)

// UnmarshalJSON reads the payload of a JWT. It ignores claims that it does not know. Half of
// an escaped surrogate pair is U+FFFD, as in the operations; invalid UTF-8 is refused.
func (c *claims) UnmarshalJSON(payload []byte) error {
	c.problem = c.read(payload)
	return nil
}

func (c *claims) read(payload []byte) error {
	halves := jsontext.AllowInvalidUTF8(utf8.Valid(payload))
	d := jsontext.NewDecoder(bytes.NewBuffer(payload), halves) // The decoder does not copy a bytes.Buffer.
	if start, err := d.ReadToken(); err != nil || start.Kind() != '{' {
		return errClaims
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return errClaims
		}
		name := key.String()
		value, err := d.ReadValue()
		if err != nil {
			return errClaims
		}
		if err := c.set(name, value); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	return nil
}

func (c *claims) set(name string, value jsontext.Value) (err error) {
	switch name {
	case "room":
		c.room, err = text(value)
	case "sub":
		c.user, err = text(value)
	case "jti":
		c.id, err = text(value)
	case "caps":
		c.capabilities, err = texts(value)
	case "attrs":
		if c.attributes, err = chat.DecodeStrings(value); err != nil {
			err = errors.New("must be an object of strings")
		}
	case "iat":
		c.issued, err = instant(value)
	case "exp":
		c.expires, err = instant(value)
	case "nbf":
		c.notBefore, err = instant(value)
	case "session":
		if c.session, err = number(value); err != nil {
			err = errors.New("must be a number of minutes")
		}
	}
	return err
}

func text(v jsontext.Value) (string, error) {
	if v.Kind() != '"' {
		return "", errText
	}
	t, err := jsontext.NewDecoder(bytes.NewBuffer(v), jsontext.AllowInvalidUTF8(true)).ReadToken()
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// texts reads an array of strings. It has at most as many as there are capabilities.
func texts(v jsontext.Value) ([]string, error) {
	wrong := errors.New("must be an array of SEND_MESSAGE, DELETE_MESSAGE and DISCONNECT_USER, each once")
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	if start, err := d.ReadToken(); err != nil || start.Kind() != '[' {
		return nil, wrong
	}
	var all []string
	for d.PeekKind() != ']' {
		one, err := d.ReadToken()
		if err != nil || one.Kind() != '"' || len(all) == len(capabilities) {
			return nil, wrong
		}
		all = append(all, one.String())
	}
	return all, nil
}

func number(v jsontext.Value) (float64, error) {
	if v.Kind() != '0' {
		return 0, errNumber
	}
	return strconv.ParseFloat(string(v), 64)
}

// instant reads a NumericDate (RFC 7519, 2): seconds since 1970, possibly with a fraction.
func instant(v jsontext.Value) (time.Time, error) {
	n, err := number(v)
	if err != nil || n <= 0 || n > latestSeconds {
		return time.Time{}, errNumber
	}
	seconds, fraction := math.Modf(n)
	return time.Unix(int64(seconds), int64(fraction*float64(time.Second))).UTC(), nil
}

// reloadSigners reads the signers. One that this release does not understand is left out:
// its tokens are refused. The caller holds mu.
func (r *Ring) reloadSigners(ctx context.Context) error {
	if r.o.Signers == nil {
		return nil
	}
	r.lastSigners = r.o.Now()
	all, err := r.o.Signers.Signers(ctx)
	if err != nil {
		return fmt.Errorf("read the signers: %w", err)
	}
	next := make(map[string]*verifier, len(all))
	for i := range all {
		v, err := all[i].verifier()
		if err != nil {
			if !r.badSigners[all[i].Name] {
				r.badSigners[all[i].Name] = true
				r.o.Log.LogAttrs(ctx, slog.LevelWarn, "Signer not valid, so its tokens are refused",
					slog.String("name", all[i].Name), slog.Any("error", err))
			}
			continue
		}
		next[v.Name] = v
	}
	r.signers.Store(&next)
	return nil
}

// reloadForSigner reloads because a token names an unknown signer, unless the last reload
// was very recent. It returns the current signers.
func (r *Ring) reloadForSigner(ctx context.Context, name string) *map[string]*verifier {
	r.mu.Lock()
	defer r.mu.Unlock()
	if current := r.signers.Load(); (*current)[name] != nil || r.o.Now().Sub(r.lastSigners) < reloadAtMost {
		return current
	}
	if err := r.reloadSigners(ctx); err != nil {
		r.o.Log.LogAttrs(ctx, slog.LevelWarn, "Signers not reloaded for a token of an unknown signer", slog.Any("error", err))
	}
	return r.signers.Load()
}
