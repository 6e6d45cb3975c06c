// Package client has the commands that are clients of the public API, one file each. What
// they share is in package command.
package client

import (
	"slices"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/moderator"
	"confab/internal/webhookcmd"
)

// New makes the commands.
func New(env command.Environment) []*cobra.Command {
	return slices.Concat([]*cobra.Command{
		newRoom(env),
		command.Parent("token", "Create chat tokens, and look into them", newTokenCreate(env)),
		newLogging(env),
		webhookcmd.New(env),
		newSend(env),
		newEvent(env),
		newChat(env),
		newTail(env),
		newLoad(env),
		newApply(env),
		newDoctor(env),
	}, moderator.New(env))
}
