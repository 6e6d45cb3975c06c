// Package chatscreen is a chat in a terminal: the messages and events of a room, and an
// input line. It shows what a chatroom.Room receives, and sends through it.
//
// A moderator can select a message and act on it and on its sender. Options say which actions
// are shown. While there is no connection, the typed text stays in the input line.
package chatscreen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"confab/internal/chatroom"
	"confab/internal/command"
)

// Options say what a screen shows and which actions it offers.
type Options struct {
	In          io.Reader // the terminal
	Out         io.Writer
	Environment []string // as of os.Environ

	Title  string // of the room
	UserID string
	// Room is how it connects. Run sets Frame and State.
	Room chatroom.Options
	// Send, Delete and Disconnect are the capabilities of the chat token.
	Send, Delete, Disconnect bool
	// Restrictions are the actions of a moderator that the screen offers, in order.
	Restrictions []Restriction
	// Restrict applies a restriction to the user of a message. A duration of 0 has no end.
	Restrict func(ctx context.Context, kind, userID, reason string, lasts time.Duration) error
	// Modes sets modes of the room, such as slow-mode: 5s, and returns those that are in force.
	// It is nil if the caller may not set them.
	Modes func(ctx context.Context, set map[string]string) (inForce string, err error)
	// Earlier returns the messages up to a time, the oldest first. It is nil if the room's
	// history cannot be read.
	Earlier func(ctx context.Context, until time.Time) ([]*chatroom.Frame, error)
	// Viewers returns how many users are connected. It is nil if the caller may not know.
	Viewers func(ctx context.Context) (int, error)
}

// Restriction is what a moderator can do to a user, apart from disconnecting.
type Restriction struct {
	Kind string // as CreateBan has it
	Key  string // the key that does it: ctrl+b
	Verb string // the word on the screen: ban
}

// Run shows the chat. It returns nil when its user leaves or ctx ends, and an error when
// the connection is lost for good. The terminal is then as it was before.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newModel(ctx, o)
	program := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out),
		tea.WithEnvironment(o.Environment), tea.WithoutSignalHandler())
	o.Room.Frame = func(f *chatroom.Frame) { program.Send(f) }
	o.Room.State = func(lost error) { program.Send(stateMsg{lost}) }
	m.room = chatroom.New(o.Room)
	_, err := program.Run()
	if ctx.Err() != nil && errors.Is(err, tea.ErrProgramKilled) {
		return nil // Ended from outside, as by SIGTERM.
	}
	if err != nil {
		return fmt.Errorf("the terminal failed: %w", err)
	}
	if closed, ok := errors.AsType[*chatroom.Closed](m.err); ok {
		return fmt.Errorf("disconnected from the room: %s", command.Plain(closed.Reason))
	}
	return m.err
}

// offers says which keys act on a selected message, in 80 columns.
func (o *Options) offers() string {
	var keys []string
	if o.Delete {
		keys = append(keys, "Del deletes")
	}
	if o.Disconnect {
		keys = append(keys, keyName(disconnectKey)+" disconnects")
	}
	for _, r := range o.Restrictions {
		keys = append(keys, keyName(r.Key)+" "+r.Verb+"s")
	}
	return strings.Join(append(keys, "Esc goes back"), " · ")
}

// usual says what keys do while no message is selected.
func (o *Options) usual() string {
	keys := []string{"Enter sends", "Up selects a message", "PgUp scrolls"}
	if o.Modes != nil {
		keys = append(keys, keyName(modesKey)+" sets modes")
	}
	return strings.Join(append(keys, keyName(leaveKey)+" leaves"), " · ")
}

// keyName is a key as terminals show it: ^K.
func keyName(key string) string {
	_, letter, _ := strings.Cut(key, "+")
	return "^" + strings.ToUpper(letter)
}
