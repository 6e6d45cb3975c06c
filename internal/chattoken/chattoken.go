// Package chattoken seals and opens chat tokens: what CreateChatToken returns
// and what a client offers as its WebSocket subprotocol.
//
// A token is the base64url, without padding, of a Tink ciphertext: a prefix with the id
// of the key, then XChaCha20-Poly1305 over a compact record of the chat.Token. So it
// has only characters that a subprotocol may have (RFC 9110, token), and is opaque to
// all but the servers. The associated data binds it to one region and account.
//
// The keys form a Ring. They are in the database, all nodes share them, and a new one
// can be made at any time (see Ring.Rotate). That needs no restart, and existing tokens
// stay valid.
//
// An application may also sign tokens itself, as JWTs. A Signer says with which key, for
// which rooms and with which capabilities. Both kinds become the same chat.Token.
package chattoken

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/poll"
)

// MaxLength is the longest string that Open decodes, in bytes. The largest token of
// CreateChatToken is less than half as long.
const MaxLength = 8 << 10

// Options configure whose tokens a Ring seals.
type Options struct {
	// Region and Account are bound into every token. A token of another region or
	// account does not open, even with the same keys.
	Region, Account string
	// Signers are the applications that sign tokens themselves; nil allows none.
	Signers SignerStore
	// Follow reads changes of keys and signers until ctx ends: store.FollowTokens. If it is
	// nil, the Ring reads all of them every two seconds.
	Follow func(ctx context.Context, c *poll.Changes)
	// Log receives errors of reloading; nil logs nothing.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Ring is the set of keys that are valid now. All methods may be called from
// any goroutine.
type Ring struct {
	store KeyStore
	o     Options
	bound []byte // associated data of every token

	keys    atomic.Pointer[keys]                 // what Seal and Open use
	signers atomic.Pointer[map[string]*verifier] // by name

	// mu serializes reloads. It guards the fields below.
	mu          sync.Mutex
	seen        map[uint32]time.Time // when this node first saw the key
	lastReload  time.Time
	lastSigners time.Time
	state       int64           // the counter of Follow at the last reload
	waits       bool            // the newest key does not seal yet
	badSigners  map[string]bool // those that were logged

	stop context.CancelFunc
	done chan struct{} // closed when the reloading goroutine has ended
}

// NewRing loads the keys, makes the first one when there is none, and reloads them
// until Close. ctx is for the first load only.
func NewRing(ctx context.Context, store KeyStore, o Options) (*Ring, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Ring{
		store: store,
		o:     o,
		bound: []byte("confab chat token\x00" + o.Region + "\x00" + o.Account),
		seen:  map[uint32]time.Time{},
		done:  make(chan struct{}),

		badSigners: map[string]bool{},
	}
	r.signers.Store(&map[string]*verifier{})
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.reloadLoop(background)
	return r, nil
}

// Close stops the reloading. Seal and Open continue with the current keys.
func (r *Ring) Close() {
	r.stop()
	<-r.done
}

// Seal returns t as a string that only this region and account can open. It
// fails for a token with a capability that does not exist.
func (r *Ring) Seal(t *chat.Token) (string, error) {
	record, err := appendToken(nil, t)
	if err != nil {
		return "", err
	}
	sealed, err := r.keys.Load().aead.Encrypt(record, r.bound)
	if err != nil {
		return "", fmt.Errorf("seal a chat token: %w", err)
	}
	return encoding.EncodeToString(sealed), nil
}

// Open decrypts the token s. A string that is not a token of this region and account, or
// was changed in any byte, is Unauthenticated, always with the same message. Open does not
// check when the token expires; the caller does. ctx bounds the one case that reads the
// database: a key that this node has not seen yet.
//
// Open also reads JWTs of signers. Once the signature of a JWT was verified, an error says
// what is wrong with its claims, so that the application that signed it can find its
// mistake.
func (r *Ring) Open(ctx context.Context, s string) (*chat.Token, error) {
	if isSigned(s) {
		return r.openSigned(ctx, s)
	}
	sealed, ok := decode(s)
	if !ok {
		return nil, invalid()
	}
	id := binary.BigEndian.Uint32(sealed[1:])
	keys := r.keys.Load()
	if !keys.has(id) {
		keys = r.reloadFor(ctx, id)
		if !keys.has(id) {
			return nil, invalid()
		}
	}
	record, err := keys.aead.Decrypt(sealed, r.bound)
	if err != nil {
		return nil, invalid()
	}
	t, err := parseToken(record)
	if err != nil {
		// Sealed by us but not readable: a newer version made it.
		r.o.Log.LogAttrs(ctx, slog.LevelWarn, "Chat token under a known key could not be read", slog.Any("error", err))
		return nil, invalid()
	}
	t.Room.Region, t.Room.Account, t.Room.Type = r.o.Region, r.o.Account, chat.RoomResource
	return t, nil
}

// encoding is strict so that a token has exactly one spelling.
var encoding = base64.RawURLEncoding.Strict()

// The form of a Tink ciphertext: a marker byte and the key's id, then nonce, ciphertext
// and tag.
const (
	tinkPrefix = 1
	prefixSize = 1 + 4
	nonceSize  = 24
	tagSize    = 16
)

// decode decodes the base64 of s and checks what can be checked without a key.
func decode(s string) (sealed []byte, ok bool) {
	// The decoder skips line breaks, which would allow many spellings of a token.
	if len(s) > MaxLength || strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	sealed, err := encoding.DecodeString(s)
	if err != nil || len(sealed) < prefixSize+nonceSize+tagSize || sealed[0] != tinkPrefix {
		return nil, false
	}
	return sealed, true
}

// invalid is the only refusal. It does not name the problem: the holder of a real token
// needs no hint, and an attacker must not get one.
func invalid() error {
	return chat.Errorf(chat.Unauthenticated, "The chat token is not valid")
}
