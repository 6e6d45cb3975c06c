// Package webhook has the webhooks: which endpoints want which events of which rooms, the
// calls to them, and which addresses are allowed.
//
//	Hooks   the webhooks, in SQL and in the memory of every server, where each frame looks
//	        them up; and the outbox for changes of rooms and bans
//	Caller  calls an endpoint with events, signed as the Standard Webhooks specification says
//	Guard   refuses addresses that are not public
//
// # The way of an event
//
// When a frame is numbered, the webhooks that want it are chosen (Hooks.For). They enter the
// transcript with the frame, as its readers, in one commit. Package notify delivers to them: the
// position of a reader moves when the endpoint has answered 2xx. So each event is delivered at
// least once, in the order of its room, also after kill -9 or when another node takes over. An
// endpoint that fails delays only its own events.
//
// A change of a room or a ban is no frame. It is written to the outbox in the transaction
// that makes it (Notes.Add), and forwarded from there to the transcript (Notes.Forward).
//
// # Server-side request forgery
//
// Users of the API choose the URLs, and the server may reach addresses that they cannot. Guard
// checks each address when the connection is made, after names were resolved, so an answer of
// DNS that changes gains nothing. Redirects are not followed, and proxies of the environment
// are not used.
package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"confab/internal/chat"
)

// State is the state that a user of the API has set.
type State string

// The states of a webhook.
const (
	Active State = "ACTIVE"
	Paused State = "PAUSED" // it gets no events, and none are kept for it
)

// Tag is a tag of rooms.
type Tag struct{ Key, Value string }

// Hook is one webhook.
type Hook struct {
	ID, Name, URL string
	// Number is the webhook's place in lists: newer ones have higher numbers.
	Number int64
	Events []EventType
	// RoomIDs are the rooms whose events it gets. Without them and without a tag it gets
	// those of every room.
	RoomIDs []string
	Tag     *Tag
	State   State
	// LastError is the error of the last call; empty if it succeeded.
	LastError  string
	CreateTime time.Time
	UpdateTime time.Time

	secrets secrets
}

// secrets are the keys of a webhook, whsec_….
type secrets struct {
	Present string `json:"present"`
	// Previous is also used to sign, until Until.
	Previous string    `json:"previous,omitzero"`
	Until    time.Time `json:"until,omitzero"`
}

// previousKept is how long a replaced secret is used to sign.
const previousKept = 24 * time.Hour

const (
	secretPrefix = "whsec_"
	secretSize   = 32 // the specification allows 24 to 64 bytes
)

func newSecret() string {
	key := make([]byte, secretSize)
	rand.Read(key)
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// Secret is the secret that signs calls.
func (h *Hook) Secret() string { return h.secrets.Present }

// Endpoint returns where calls of the webhook go at the time now, and what signs them.
func (h *Hook) Endpoint(now time.Time) Endpoint {
	e := Endpoint{URL: h.URL, Secrets: []string{h.secrets.Present}}
	if h.secrets.Previous != "" && now.Before(h.secrets.Until) {
		e.Secrets = append(e.Secrets, h.secrets.Previous)
	}
	return e
}

// Wants reports whether the webhook wants events of a type.
func (h *Hook) Wants(t EventType) bool { return h.State == Active && slices.Contains(h.Events, t) }

// maxURL is the most bytes of a URL.
const maxURL = 2048

// CheckURL reports what is wrong with the URL of a webhook. http:// is allowed only with
// insecure. If the host is an address, guard must allow it. Names are not resolved, because
// they may have another address later.
func CheckURL(text string, insecure bool, guard *Guard) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("must be an absolute URL of at most %d bytes", maxURL)
	case strings.ContainsFunc(text, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }):
		return errors.New("must not contain spaces or characters that are not printed")
	case u.Port() != "" && !validPort(u.Port()):
		return fmt.Errorf("must have a port from 1 to 65535, this is %.16s", u.Port())
	case u.User != nil || u.Fragment != "":
		return errors.New("must have neither a user nor a fragment")
	case u.Scheme == "http" && !insecure:
		return errors.New("must begin with https://; the server allows http:// with --webhook-insecure only")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must begin with https://")
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		return guard.Check(address)
	}
	return nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// CheckEvents reports the first type of event that does not exist.
func CheckEvents(names []string) error {
	for _, name := range names {
		if !slices.Contains(EventTypes, EventType(name)) {
			known := make([]string, len(EventTypes))
			for i, t := range EventTypes {
				known[i] = string(t)
			}
			return fmt.Errorf("has the unknown event %.64q; allowed: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// noSuchHook is the error of a webhook that does not exist.
func noSuchHook(id string) error {
	return &chat.Error{Code: chat.NotFound, Message: fmt.Sprintf("The webhook %.64q does not exist", id), Resource: chat.ARN{Type: chat.WebhookResource, ID: id}}
}
