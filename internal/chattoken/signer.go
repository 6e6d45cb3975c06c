package chattoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"confab/internal/chat"
	"confab/internal/policy"
)

// Signer is an application that signs chat tokens itself, and what its tokens may
// allow.
type Signer struct {
	// Name is the kid of its tokens.
	Name string
	// Algorithm is the only one that its tokens may have: HS256, EdDSA, ES256 or RS256.
	Algorithm string
	// Key is the secret of HS256: its text is the key. Otherwise it is the public key in
	// PEM.
	Key []byte
	// Rooms are the ARNs of the rooms that its tokens may be for, with the wildcards of
	// IAM policies.
	Rooms []string
	// Capabilities are those that its tokens may have.
	Capabilities []chat.Capability
	CreateTime   time.Time
}

// SignerStore stores signers. It encrypts their keys.
type SignerStore interface {
	// Signers returns all signers by name.
	Signers(ctx context.Context) ([]Signer, error)
}

// minSecret is the least length of a secret in bytes, which RFC 7518 (3.2) requires of
// HS256. minRSA is the least size of an RSA key in bits (RFC 7518, 3.3).
const (
	minSecret = 32
	minRSA    = 2048
)

// The algorithms of signers (RFC 7518, 3.1; RFC 8037, 3.1).
const (
	hs256 = "HS256"
	edDSA = "EdDSA"
	es256 = "ES256"
	rs256 = "RS256"
)

// verifier is a signer whose key and rooms are parsed.
type verifier struct {
	Signer
	key    any
	method jwt.SigningMethod
	rooms  []*policy.Document
	// header is that of the last token with a valid signature, as it was encoded.
	header atomic.Pointer[string]
}

// signAction is the action of the policy that a signer's rooms are compiled to. It
// never leaves this package.
const signAction = "confab:SignToken"

// Check reports what is wrong with the signer; nil is nothing.
func (s *Signer) Check() error {
	_, err := s.verifier()
	return err
}

func (s *Signer) verifier() (*verifier, error) {
	v := &verifier{Signer: *s}
	for _, c := range s.Capabilities {
		if !slices.Contains(capabilities[:], c) {
			return nil, fmt.Errorf("there is no capability %q; allowed: SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER", c)
		}
	}
	if len(s.Rooms) == 0 {
		return nil, errors.New("a signer needs the ARN of a room, such as arn:aws:ivschat:*:*:room/*")
	}
	// The rooms of a signer have the grammar of a policy's resources. In this version of
	// the language, there are no variables.
	document, err := json.Marshal(map[string]any{
		"Version":   "2008-10-17",
		"Statement": map[string]any{"Effect": "Allow", "Action": signAction, "Resource": s.Rooms},
	})
	if err != nil {
		return nil, err
	}
	rooms, err := policy.Parse(document)
	if err != nil {
		return nil, fmt.Errorf("the rooms %s are no patterns of ARNs: %w", strings.Join(s.Rooms, ", "), err)
	}
	v.rooms = []*policy.Document{rooms}
	if s.Algorithm == hs256 {
		if len(s.Key) < minSecret {
			return nil, fmt.Errorf("a secret has at least %d bytes, this has %d", minSecret, len(s.Key))
		}
		v.key, v.method = s.Key, jwt.SigningMethodHS256
		return v, nil
	}
	key, algorithm, err := ParsePublicKey(s.Key)
	if err != nil {
		return nil, err
	}
	if algorithm != s.Algorithm {
		return nil, fmt.Errorf("the public key is for %s, not for %q", algorithm, s.Algorithm)
	}
	v.key, v.method = key, jwt.GetSigningMethod(algorithm)
	return v, nil
}

// ParsePublicKey parses a public key in PEM and returns the one algorithm that it is for:
// EdDSA for Ed25519, ES256 for P-256, RS256 for RSA.
func ParsePublicKey(text []byte) (key any, algorithm string, err error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, "", errors.New(`a public key is PEM and begins with "-----BEGIN PUBLIC KEY-----"`)
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, "", errors.New("this is a private key, which stays with the application; its public key is what openssl pkey -pubout prints")
	case block.Type != "PUBLIC KEY" || strings.TrimSpace(string(rest)) != "":
		return nil, "", fmt.Errorf(`a public key is one PEM block "PUBLIC KEY", this has %q`, block.Type)
	}
	if key, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		return nil, "", fmt.Errorf("the public key cannot be read: %w", err)
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		return k, edDSA, nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return k, es256, nil
		}
		return nil, "", errors.New("an elliptic public key must be of the curve P-256")
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSA {
			return k, rs256, nil
		}
		return nil, "", fmt.Errorf("an RSA key has at least %d bits, this has %d", minRSA, k.N.BitLen())
	default:
		return nil, "", errors.New("a public key must be Ed25519, P-256 or RSA")
	}
}

// allows reports whether the signer may sign tokens for the room.
func (v *verifier) allows(room chat.ARN) bool {
	return policy.Evaluate(v.rooms, &policy.Request{Action: signAction, Resource: room.String()}) == policy.Allowed
}
