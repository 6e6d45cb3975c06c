package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
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

// inspectedToken is what a chat token says, and whether it was used.
type inspectedToken struct {
	RoomARN               string            `json:"roomArn"`
	UserID                string            `json:"userId"`
	Capabilities          []chat.Capability `json:"capabilities"`
	Attributes            map[string]string `json:"attributes"`
	IssueTime             string            `json:"issueTime"`
	TokenExpirationTime   string            `json:"tokenExpirationTime"`
	SessionExpirationTime string            `json:"sessionExpirationTime"`
	Expired               bool              `json:"expired"`
	Used                  *bool             `json:"used"` // nil is not known any more
}

var inspectedColumns = []command.Column{
	{Member: "roomArn"}, {Member: "userId"}, {Member: "tokenExpirationTime"}, {Member: "expired"}, {Member: "used"},
}

func newTokenInspect(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect TOKEN",
		Short: "Show the content of a chat token, and whether it was used",
		Long: `Decrypt a chat token with the keys in the server's database. Show its content, and whether a client
has connected with it: each chat token can be used once. This does not use the token. TOKEN may be -
for standard input, of which the first word is read.

No operation of the API opens tokens, so the command reads the server's database, also while the server
runs. Run it on the server's machine, or with --database. The database of serve --dev is found if no
other one is named. Whether a token was used is known until
10 minutes after it expired; then the member "used" is missing. The command does not look at what else
can refuse a client: bans, and rooms that were deleted.`,
		Example: command.Examples(
			"confab token create demo --as ann -o text | confab token inspect -",
			`confab token inspect "$(confab token create demo --as bob -o text)" -o text | cut -f 5`,
			`confab token create demo --as bob -o text | confab token inspect - --data-dir "$CONFAB_DATA_DIR" -o json`,
		),
		Args: command.Args("TOKEN"),
	}
	output := command.NewOutputFlags(cmd, env)
	load := orDev(cmd, settingFlags(cmd, env, false))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		text := args[0]
		if text == "-" {
			all, err := io.ReadAll(io.LimitReader(env.In, maxToken))
			if err != nil {
				return err
			}
			text = string(all)
		}
		// What token create prints has times behind the token.
		words := strings.Fields(text)
		if len(words) == 0 {
			return command.Usagef("TOKEN is empty; confab token create prints one")
		}
		text = words[0]
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
			used, known, err := store.Redeemed(cmd.Context(), db, t)
			if err != nil {
				return err
			}
			shown := inspect(t)
			if known {
				shown.Used = &used
			}
			return p.One(command.Members(shown), inspectedColumns...)
		})
	}
	return cmd
}

// orDev makes load find the database of serve --dev, if no other one is named and none is where
// it is by default.
func orDev(cmd *cobra.Command, load func() (*config.Config, error)) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		for _, v := range cfg.Values() {
			if slices.Contains([]string{"dev", "config", "data-dir", "database"}, v.Name) && v.Source != "default" {
				return cfg, nil
			}
		}
		if exists(cfg.DataDir) || !exists(config.DevDataDir) {
			return cfg, nil
		}
		if err := cmd.Flags().Set("dev", "true"); err != nil {
			return nil, err
		}
		return load()
	}
}

func exists(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

func inspect(t *chat.Token) *inspectedToken {
	return &inspectedToken{
		RoomARN: t.Room.String(), UserID: t.UserID, Capabilities: t.Capabilities, Attributes: t.Attributes,
		IssueTime: chat.FormatTime(t.IssuedAt), TokenExpirationTime: chat.FormatTime(t.Expires),
		SessionExpirationTime: chat.FormatTime(t.SessionExpires), Expired: time.Now().After(t.Expires),
	}
}
