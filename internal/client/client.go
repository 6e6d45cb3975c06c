// Package client has the commands that are clients of the public API, one file each. What
// they share is in package command.
package client

import (
	"strings"

	"github.com/spf13/cobra"

	"confab/internal/command"
)

// New makes the commands.
func New(env command.Environment) []*cobra.Command {
	return []*cobra.Command{
		newRoom(env),
		command.Parent("token", "Create chat tokens, and look into them", newTokenCreate(env)),
		newLogging(env),
		newSend(env),
		newEvent(env),
		newChat(env),
		newTail(env),
		newBan(env),
		newMute(env),
		newUnban(env),
		newBans(env),
		newFilter(env),
		newLoad(env),
		newApply(env),
		newDoctor(env),
	}
}

// examples joins the lines of an example as the help has them.
func examples(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
