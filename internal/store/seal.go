package store

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"confab/internal/sqldb"
)

// sealer encrypts the secrets in the database with XChaCha20-Poly1305. The key is not
// in the database. A sealed value is the nonce and the ciphertext.
type sealer struct{ aead cipher.AEAD }

func newSealer(secretKey []byte) (*sealer, error) {
	key, err := subkey(secretKey, "seal")
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// subkey derives a separate key for each purpose (HKDF-SHA256).
func subkey(secretKey []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, secretKey, nil, "confab store: "+purpose, chacha20poly1305.KeySize)
}

// seal encrypts a value and binds it to its place: a sealed value that was moved to
// another row cannot be opened.
func (s *sealer) seal(value []byte, place string) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(value)+s.aead.Overhead())
	rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, value, []byte(place))
}

var errSealed = errors.New("it was sealed with another secret key or for another place, or was changed")

// open is the inverse of seal.
func (s *sealer) open(sealed []byte, place string) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize() {
		return nil, errSealed
	}
	nonce, ciphertext := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	value, err := s.aead.Open(nil, nonce, ciphertext, []byte(place))
	if err != nil {
		return nil, errSealed
	}
	return value, nil
}

// secretKeyCheck is the setting that verifies a secret key: a known text, sealed when
// the database was made.
const secretKeyCheck = "secret_key_check"

// checkSecretKey rejects a wrong secret key at the start. Otherwise it would seal new
// secrets that no process with the right key can open.
func (db *DB) checkSecretKey(ctx context.Context) error {
	return db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		fresh := db.seal.seal([]byte("confab"), secretKeyCheck)
		if _, err := s.Exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, secretKeyCheck, fresh); err != nil {
			return err
		}
		return db.seal.check(ctx, s)
	})
}

// check refuses the key if the main database was made with another one.
func (s *sealer) check(ctx context.Context, session sqldb.Session) error {
	var sealed []byte
	found, err := session.Row(ctx, `SELECT value FROM settings WHERE name = $1`, []any{secretKeyCheck}, &sealed)
	if err != nil || !found {
		return err
	}
	if _, err := s.open(sealed, secretKeyCheck); err != nil {
		return fmt.Errorf("the secret key does not open the database %s; use the one it was made with, see --secret-key-file", session.DB().Place())
	}
	return nil
}
