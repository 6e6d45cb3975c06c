package chat

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ExtensionTag is the prefix of the tags of a room that set what Confab adds to it.
const ExtensionTag = "confab:"

// CatchUpTag is the tag of Extensions.CatchUp.
const CatchUpTag = ExtensionTag + "catch-up"

// Who says which connections of a room may do something.
type Who string

// The three sets of connections.
const (
	All    Who = "all"
	Staff  Who = "staff" // those with DELETE_MESSAGE or DISCONNECT_USER
	Nobody Who = "nobody"
)

// Presence says which events about viewers a room sends to its clients.
type Presence string

// The kinds of Presence.
const (
	PresenceOff   Presence = "off"
	PresenceCount Presence = "count" // how many there are
	PresenceFull  Presence = "full"  // also who came and left
)

// MaxHistoryOnJoin is the limit of the messages that a new connection gets.
const MaxHistoryOnJoin = 200

// Extensions are the settings of a room that Confab adds. A duration of 0 is off.
type Extensions struct {
	// History is how long the room's frames are kept.
	History time.Duration
	// HistoryRead is who may read the history with a chat token.
	HistoryRead Who
	// HistoryOnJoin is how many of the latest messages a new connection gets first.
	HistoryOnJoin int
	// DisconnectBan is how long a user whom a moderator disconnects is also banned.
	DisconnectBan time.Duration
	// Presence says which events about viewers the room sends.
	Presence Presence
	// SlowMode is how long a user waits between two messages.
	SlowMode time.Duration
	// Send is who may send messages, and Links who may send messages with links.
	Send, Links Who
	// Repeat is how long a user cannot send the same message again.
	Repeat time.Duration
	// CatchUp is how long after the loss of its connection a client may return and still
	// get the frames that it missed.
	CatchUp time.Duration
}

// extensionTag is one tag: what it may be, and where its value belongs.
type extensionTag struct {
	allowed string
	// set stores the value, and reports whether it is one of those allowed.
	set func(e *Extensions, value string) bool
}

const year = 8760 * time.Hour

var extensionTags = map[string]extensionTag{
	"confab:disconnect-ban":  durationTag(time.Minute, year, func(e *Extensions) *time.Duration { return &e.DisconnectBan }),
	"confab:history":         durationTag(time.Minute, year, func(e *Extensions) *time.Duration { return &e.History }),
	"confab:history-read":    choiceTag(func(e *Extensions) *Who { return &e.HistoryRead }, All, Staff, Nobody),
	"confab:history-on-join": numberTag(MaxHistoryOnJoin, func(e *Extensions) *int { return &e.HistoryOnJoin }),
	CatchUpTag:               durationTag(5*time.Second, 10*time.Minute, func(e *Extensions) *time.Duration { return &e.CatchUp }),
	"confab:slow-mode":       durationTag(time.Second, time.Hour, func(e *Extensions) *time.Duration { return &e.SlowMode }),
	"confab:send":            choiceTag(func(e *Extensions) *Who { return &e.Send }, All, Staff, Nobody),
	"confab:links":           choiceTag(func(e *Extensions) *Who { return &e.Links }, All, Staff, Nobody),
	"confab:repeat":          durationTag(time.Second, time.Hour, func(e *Extensions) *time.Duration { return &e.Repeat }),
	"confab:presence":        choiceTag(func(e *Extensions) *Presence { return &e.Presence }, PresenceOff, PresenceCount, PresenceFull),
}

func durationTag(least, most time.Duration, field func(*Extensions) *time.Duration) extensionTag {
	return extensionTag{
		allowed: fmt.Sprintf("off or a duration from %s to %s, such as %s", short(least), short(most), examples(most)),
		set: func(e *Extensions, value string) bool {
			if value == "off" {
				*field(e) = 0
				return true
			}
			d, err := time.ParseDuration(value)
			if err != nil || d < least || d > most || value[0] == '+' {
				return false
			}
			*field(e) = d
			return true
		},
	}
}

// examples are durations up to most.
func examples(most time.Duration) string {
	switch {
	case most < 30*time.Minute:
		return "90s"
	case most < 24*time.Hour:
		return "90s or 30m"
	}
	return "90s, 30m or 24h"
}

// short is a duration without the parts that are zero: 1m, not 1m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func choiceTag[T ~string](field func(*Extensions) *T, choices ...T) extensionTag {
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = string(c)
	}
	last := len(names) - 1
	return extensionTag{
		allowed: strings.Join(names[:last], ", ") + " or " + names[last],
		set: func(e *Extensions, value string) bool {
			if !slices.Contains(names, value) {
				return false
			}
			*field(e) = T(value)
			return true
		},
	}
}

func numberTag(most int, field func(*Extensions) *int) extensionTag {
	return extensionTag{
		allowed: fmt.Sprintf("a whole number from 0 to %d", most),
		set: func(e *Extensions, value string) bool {
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil || n > uint64(most) {
				return false
			}
			*field(e) = int(n)
			return true
		},
	}
}

// ExtensionsOf returns the settings in a room's tags. It ignores tags that this release
// does not understand, and returns what is wrong with each.
func ExtensionsOf(tags map[string]string) (Extensions, []error) {
	e := Extensions{HistoryRead: All, Presence: PresenceOff, Send: All, Links: All}
	var ignored []error
	for key, value := range tags {
		if !strings.HasPrefix(key, ExtensionTag) {
			continue
		}
		if err := checkExtensionTag(&e, key, value); err != nil {
			ignored = append(ignored, err)
		}
	}
	return e, ignored
}

// CheckExtensionTag returns what is wrong with a tag of a room, and what is allowed. A
// tag whose key does not begin with confab: may have any value.
func CheckExtensionTag(key, value string) error {
	if !strings.HasPrefix(key, ExtensionTag) {
		return nil
	}
	return checkExtensionTag(new(Extensions), key, value)
}

func checkExtensionTag(e *Extensions, key, value string) error {
	tag, ok := extensionTags[key]
	if !ok {
		return fmt.Errorf("the key %.64q is not one of Confab's, which are %s", key, strings.Join(slices.Sorted(maps.Keys(extensionTags)), ", "))
	}
	if !tag.set(e, value) {
		return fmt.Errorf("the value of %s must be %s, this is %.64q", key, tag.allowed, value)
	}
	return nil
}
