package client

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/spf13/cobra"

	"confab/internal/command"
)

var tokenColumns = []command.Column{{Member: "token"}, {Member: "tokenExpirationTime"}, {Member: "sessionExpirationTime"}}

func newTokenCreate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create ROOM --as USER",
		Short: "Create a chat token",
		Long: `Create a chat token. It lets USER connect to the room, once. With -o text, the token is the first
value in the line.`,
		Example: command.Examples(
			"confab token create demo --as ann --can send",
			"confab token create demo --as moderator --can send,delete,disconnect --attribute displayName=Mo -o json",
			"token=$(confab token create demo --as bob -o text | cut -f 1)",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewFlags(cmd, env)
	t := newTokenFlags(cmd, "")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		in, err := t.input(room)
		if err != nil {
			return err
		}
		out, err := api.CreateChatToken(ctx, in)
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), tokenColumns...)
	})
	return cmd
}

// tokenFlags say what a chat token says.
type tokenFlags struct {
	as, can    string
	attributes []string
	session    time.Duration
}

func newTokenFlags(cmd *cobra.Command, can string) *tokenFlags {
	t := &tokenFlags{}
	flags := cmd.Flags()
	flags.StringVar(&t.as, "as", "", "`USER` id of the token.")
	flags.StringVar(&t.can, "can", can, "What the user may do: one or more of `send,delete,disconnect`.")
	command.Offer(cmd, "as")
	command.CompleteWords(cmd, "can", "send", "send,delete", "send,delete,disconnect")
	flags.StringArrayVar(&t.attributes, "attribute", nil, "Attribute of the user as `KEY=VALUE`; may be repeated.")
	flags.DurationVar(&t.session, "session", 0, "Maximum `TIME` of the session, from 1m to 180m; default 60m.")
	return t
}

// longestSession is the longest that a session may last.
const longestSession = 180 * time.Minute

var capabilities = map[string]types.ChatTokenCapability{
	"send":       types.ChatTokenCapabilitySendMessage,
	"delete":     types.ChatTokenCapabilityDeleteMessage,
	"disconnect": types.ChatTokenCapabilityDisconnectUser,
}

func (t *tokenFlags) input(room string) (*ivschat.CreateChatTokenInput, error) {
	in := &ivschat.CreateChatTokenInput{RoomIdentifier: &room, UserId: &t.as}
	if t.as == "" {
		return nil, command.Usagef("--as is missing: it names the user of the token")
	}
	for name := range strings.SplitSeq(t.can, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		c, ok := capabilities[name]
		if !ok {
			return nil, command.Usagef("--can %q: must be of send, delete and disconnect, with commas between", name)
		}
		in.Capabilities = append(in.Capabilities, c)
	}
	if t.session != 0 {
		if t.session < time.Minute || t.session > longestSession || t.session%time.Minute != 0 {
			return nil, command.Usagef("--session %s: must be whole minutes, from 1m to 180m", t.session)
		}
		in.SessionDurationInMinutes = new(int32(t.session / time.Minute))
	}
	var err error
	in.Attributes, err = command.Pairs("--attribute", t.attributes)
	return in, err
}
