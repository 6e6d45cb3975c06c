// Package moderator has the commands of people who moderate: bans, content filters, and
// what came of messages.
package moderator

import (
	"github.com/spf13/cobra"

	"confab/internal/command"
)

// New makes the commands.
func New(env command.Environment) []*cobra.Command {
	return []*cobra.Command{newBan(env), newMute(env), newHide(env), newUnban(env), newBans(env), newDisconnect(env), newDeleteMessage(env), newErase(env), newFilter(env), newLog(env), newTrace(env)}
}

// everyRoom stands for ROOM in these commands.
const everyRoom = "all"
