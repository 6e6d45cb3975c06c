package chat

import "time"

// Mode is a setting of a room that moderators switch. It overrides the tag of the room that
// has the same name.
type Mode struct {
	// Name is one of ModeNames.
	Name  string
	Value string
	// Expires is when the tag applies again; zero means never.
	Expires time.Time
	// By is who set it: the ARN of a principal, or a room's ARN, a slash and the user id of
	// a moderator.
	By string
}

// ModeNames are the modes, in the order of lists. Each is the name of a tag without
// ExtensionTag.
var ModeNames = []string{"slow-mode", "send", "links", "repeat"}

// In reports whether the mode is in force.
func (m *Mode) In(now time.Time) bool { return m.Expires.IsZero() || now.Before(m.Expires) }

// With returns the settings with the modes that are in force. It ignores those that this
// release does not understand.
func (e Extensions) With(modes []Mode, now time.Time) Extensions {
	for i := range modes {
		if m := &modes[i]; m.In(now) {
			changed := e
			if checkExtensionTag(&changed, ExtensionTag+m.Name, m.Value) == nil {
				e = changed
			}
		}
	}
	return e
}

// Value returns the value of the mode with this name, in the form of its tag.
func (e *Extensions) Value(mode string) string {
	duration := func(d time.Duration) string {
		if d == 0 {
			return "off"
		}
		return short(d)
	}
	switch mode {
	case "slow-mode":
		return duration(e.SlowMode)
	case "send":
		return string(e.Send)
	case "links":
		return string(e.Links)
	case "repeat":
		return duration(e.Repeat)
	}
	return ""
}
