package cli

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/chat"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/store"
)

// maxToken bounds what is read from standard input.
const maxToken = 64 << 10

// inspectedToken is what a chat token says.
type inspectedToken struct {
	RoomARN               string            `json:"roomArn"`
	UserID                string            `json:"userId"`
	Capabilities          []chat.Capability `json:"capabilities"`
	Attributes            map[string]string `json:"attributes"`
	IssueTime             string            `json:"issueTime"`
	TokenExpirationTime   string            `json:"tokenExpirationTime"`
	SessionExpirationTime string            `json:"sessionExpirationTime"`
	Expired               bool              `json:"expired"`
}

func newTokenInspect(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect TOKEN",
		Short: "Show the content of a chat token",
		Long: `Decrypt a chat token with the keys in the server's database, and show its content. The token
can still be used. TOKEN may be - for standard input.`,
		Example: `  confab token inspect AQICAH… --data-dir /var/lib/confab
  confab token create demo --as ann -o text | cut -f 1 | confab token inspect - --dev
  confab token inspect - --dev -o json <token`,
		Args: command.Args("TOKEN"),
	}
	output := outputFlag(cmd)
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		asJSON, err := output()
		if err != nil {
			return err
		}
		text := args[0]
		if text == "-" {
			all, err := io.ReadAll(io.LimitReader(env.In, maxToken))
			if err != nil {
				return err
			}
			text = strings.TrimSpace(string(all))
		}
		return withStore(cmd.Context(), env, load, func(cfg *config.Config, db *store.DB) error {
			ring, err := app.NewRing(cmd.Context(), cfg, db, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			defer ring.Close()
			t, err := ring.Open(cmd.Context(), text)
			if err != nil {
				return fmt.Errorf("the chat token cannot be opened with the keys in %s: %w; name the database of the server that made it with --data-dir or --database", db.Place(), err)
			}
			return printToken(cmd, asJSON, t)
		})
	}
	return cmd
}

func printToken(cmd *cobra.Command, asJSON bool, t *chat.Token) error {
	shown := inspectedToken{
		RoomARN: t.Room.String(), UserID: t.UserID, Capabilities: t.Capabilities, Attributes: t.Attributes,
		IssueTime: chat.FormatTime(t.IssuedAt), TokenExpirationTime: chat.FormatTime(t.Expires),
		SessionExpirationTime: chat.FormatTime(t.SessionExpires), Expired: time.Now().After(t.Expires),
	}
	if shown.Capabilities == nil {
		shown.Capabilities = []chat.Capability{}
	}
	if shown.Attributes == nil {
		shown.Attributes = map[string]string{}
	}
	if asJSON {
		return printJSON(cmd, shown)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	for _, row := range [][2]string{
		{"room", shown.RoomARN},
		{"user", command.Plain(shown.UserID)},
		{"capabilities", strings.Trim(fmt.Sprint(shown.Capabilities), "[]")},
		{"attributes", command.Plain(strings.TrimPrefix(fmt.Sprint(shown.Attributes), "map"))},
		{"issued", shown.IssueTime},
		{"token expires", shown.TokenExpirationTime},
		{"session expires", shown.SessionExpirationTime},
		{"expired", fmt.Sprint(shown.Expired)},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	return w.Flush()
}
