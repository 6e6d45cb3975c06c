// Package moderator has the commands of people who moderate: bans and content
// filters.
package moderator

import (
	"github.com/spf13/cobra"

	"confab/internal/command"
)

// New makes the commands.
func New(env command.Environment) []*cobra.Command {
	return []*cobra.Command{newBan(env), newMute(env), newUnban(env), newBans(env), newFilter(env)}
}

// everyRoom stands for ROOM in these commands.
const everyRoom = "all"
