package chattoken

import (
	"context"
	"fmt"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xchacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// keySize is that of XChaCha20-Poly1305.
const keySize = 32

// Key is one key of the ring.
type Key struct {
	// ID is at the front of every token that the key sealed. It is not 0.
	ID uint32
	// CreateTime is when it was made, by the clock of the node that made it.
	CreateTime time.Time
	// Secret is 32 random bytes.
	Secret []byte
}

// KeyStore keeps the keys of the ring for all nodes. It encrypts them: its data is
// useless without the server's secret key.
type KeyStore interface {
	// TokenKeys returns all keys, oldest first.
	TokenKeys(ctx context.Context) ([]Key, error)
	// AddTokenKey stores the key durably; one with the same ID is a Conflict.
	AddTokenKey(ctx context.Context, k Key) error
	// DeleteTokenKeys deletes keys. Keys that do not exist are no error.
	DeleteTokenKeys(ctx context.Context, ids ...uint32) error
}

// keys is one immutable state of the ring.
type keys struct {
	ids  map[uint32]struct{}
	aead tink.AEAD // seals with the primary key, opens with all
	// primary is the key that seals.
	primary uint32
}

func (k *keys) has(id uint32) bool {
	_, ok := k.ids[id]
	return ok
}

// newKeys returns the state in which primary seals.
func newKeys(all []Key, primary uint32) (*keys, error) {
	params, err := xchacha20poly1305.NewParameters(xchacha20poly1305.VariantTink)
	if err != nil {
		return nil, err
	}
	k := &keys{ids: make(map[uint32]struct{}, len(all)), primary: primary}
	manager := keyset.NewManager()
	for _, one := range all {
		secret := secretdata.NewBytesFromData(one.Secret, insecuresecretdataaccess.Token{})
		key, err := xchacha20poly1305.NewKey(secret, one.ID, params)
		if err != nil {
			return nil, fmt.Errorf("token key %d: %w", one.ID, err)
		}
		if _, err := manager.AddKey(key); err != nil {
			return nil, fmt.Errorf("token key %d: %w", one.ID, err)
		}
		k.ids[one.ID] = struct{}{}
	}
	if err := manager.SetPrimary(primary); err != nil {
		return nil, err
	}
	handle, err := manager.Handle()
	if err != nil {
		return nil, err
	}
	k.aead, err = aead.New(handle)
	return k, err
}

// same reports whether k is the ring of all keys with this primary.
func (k *keys) same(all []Key, primary uint32) bool {
	if len(all) != len(k.ids) || k.primary != primary {
		return false
	}
	for _, one := range all {
		if !k.has(one.ID) {
			return false
		}
	}
	return true
}
