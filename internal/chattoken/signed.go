package chattoken

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"confab/internal/chat"
)

// The limits of signed tokens.
const (
	// MaxSignedLifetime is the longest time between the claims iat and exp of a signed
	// token.
	MaxSignedLifetime = 24 * time.Hour
	maxTokenID        = 256 // bytes of jti
	maxUserID         = 128 // characters of sub
	latestSeconds     = 1 << 37
)

// isSigned reports whether s has the form of a JWT: three parts with dots between them.
// No token of ours has a dot.
func isSigned(s string) bool { return strings.IndexByte(s, '.') >= 0 }

// openSigned returns the content of a token that an application has signed (a JWS in its
// compact form, RFC 7515, 7.1). It reads the claims, and says what is wrong with them, only
// after it has verified the signature.
func (r *Ring) openSigned(ctx context.Context, s string) (*chat.Token, error) {
	// The decoder of base64 leaves out line breaks, strict or not: one token would have
	// many forms.
	if len(s) > MaxLength || r.o.Signers == nil || strings.ContainsAny(s, "\r\n") {
		return nil, invalid()
	}
	header, rest, _ := strings.Cut(s, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.IndexByte(signature, '.') >= 0 {
		return nil, signedInvalid("%v", errNotJWT)
	}
	v, err := r.signerOf(ctx, header)
	if err != nil {
		return nil, signedInvalid("%v", err)
	}
	signed, err := encoding.DecodeString(signature)
	if err != nil || v.method.Verify(s[:len(header)+1+len(payload)], signed, v.key) != nil {
		return nil, signedInvalid("its signature is not that of the signer %s", v.Name)
	}
	v.header.Store(&header)
	text, err := encoding.DecodeString(payload)
	if err != nil {
		return nil, signedInvalid("%v", errClaims)
	}
	c := &claims{session: float64(chat.DefaultSession / time.Minute)}
	if err := c.read(text); err != nil {
		return nil, signedInvalid("%v", err)
	}
	return r.token(v, c)
}

// signerOf returns the signer that a header names, if the header has the signer's algorithm.
func (r *Ring) signerOf(ctx context.Context, header string) (*verifier, error) {
	known := r.signers.Load()
	for _, v := range *known {
		// An application writes the same header into all of its tokens.
		if last := v.header.Load(); last != nil && *last == header {
			return v, nil
		}
	}
	kid, alg, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	v := (*known)[kid]
	if v == nil {
		v = (*r.reloadForSigner(ctx, kid))[kid]
	}
	if v == nil || v.Algorithm != alg {
		return nil, errNoSigner
	}
	return v, nil
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
	t := &chat.Token{Room: room, Bearer: chat.Bearer{UserID: c.user, Attributes: c.attributes}}
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
	case c.issued.After(now.Add(chat.MaxSkew)):
		return signedInvalid("iat is in the future; the clocks differ")
	case c.notBefore.After(now.Add(chat.MaxSkew)):
		return signedInvalid("nbf is in the future")
	}
	t.IssuedAt, t.Skew = c.issued, chat.MaxSkew
	t.SessionExpires = c.issued.Add(time.Duration(c.session) * time.Minute)
	t.Expires = c.expires.Add(chat.MaxSkew)
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
	before := *r.signers.Load()
	next := make(map[string]*verifier, len(all))
	for i := range all {
		if same := before[all[i].Name]; same != nil && reflect.DeepEqual(same.Signer, all[i]) {
			next[same.Name] = same
			continue
		}
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
