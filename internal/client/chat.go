package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"confab/internal/chatroom"
	"confab/internal/command"
)

const (
	// connectionRate is the rate of requests that the service allows a connection.
	connectionRate = 10
	// answerTime is how long a line waits for its answer.
	answerTime = 30 * time.Second
	// slowTime is how long a line is sent again that the room's rate refuses.
	slowTime = 2 * time.Minute
	// longestLine bounds a line of standard input. The service allows 500 characters.
	longestLine = 64 << 10
	tooMany     = 429
)

func newChat(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chat ROOM --as USER",
		Short: "Chat in a room",
		Long: `Chat in a room. On a terminal, show the messages and events of the room, and an input line. Enter
sends it, Up selects a message, PgUp scrolls back (also into the room's history), Ctrl-C leaves.
A moderator acts on the selected message: Delete deletes it, Ctrl-K disconnects its sender, Ctrl-B
bans, Ctrl-T mutes and Ctrl-G hides. Ctrl-O sets modes of the room, such as slow-mode=5s. The screen
shows the actions that the chat token (--can) and the credentials allow. Names and colours come from
the attributes displayName and color.

Without a terminal, send each line of standard input as a message, and print each received frame of
the Messaging API as one line of JSON. It respects the rates of the service: a line that
the room's rate refuses is sent again. At the end of the input, wait for the answers to all lines.

While nothing accepts connections at the address of the server, wait for it for 10 s: it may be
starting. After a lost connection, try to reconnect for up to a minute. The exit status is 1 if a line of
standard input was refused, or if a moderator disconnected the user.`,
		Example: command.Examples(
			"confab chat demo --as ann --can send,delete,disconnect     # for a moderator",
			"echo 'Hello, world' | confab chat demo --as bob",
			"seq 3 | confab chat demo --as counter --attribute displayName=Count",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewConnectionFlags(cmd, env)
	f.Wait(cmd)
	t := newTokenFlags(cmd, "send")
	history := cmd.Flags().Int("history", -1, "`NUMBER` of the latest messages to get first, in a room with history; -1 is what the tag of the room says.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, _ *command.Printer, room string, _ []string) error {
		in, err := t.input(room)
		if err != nil {
			return err
		}
		connect := chatroom.Options{URL: messagingURL(api, *history), Client: api.HTTP(), Token: tokens(api, in), Patience: patience}
		ctx, stop := command.Streaming(ctx, cmd)
		defer stop()
		if hasScreen(env) {
			return showChat(ctx, env, api, cmd.Flags().Arg(0), in, connect)
		}
		p := &pipe{out: cmd.OutOrStdout(), limit: rate.NewLimiter(connectionRate, connectionRate)}
		connect.Frame = func(f *chatroom.Frame) { fmt.Fprintf(p.out, "%s\n", command.SafeJSON(f.Raw)) }
		p.room = chatroom.New(connect)
		return p.run(ctx, env.In)
	})
	return cmd
}

// pipe is a chat without a terminal.
type pipe struct {
	room    *chatroom.Room
	out     io.Writer
	limit   *rate.Limiter
	lines   int
	refused int
}

func (p *pipe) run(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan error, 1)
	go func() { over <- p.room.Run(ctx) }()
	sent := make(chan error, 1)
	go func() { sent <- p.send(ctx, in) }()
	select {
	case err := <-over:
		if closed, ok := errors.AsType[*chatroom.Closed](err); ok {
			return fmt.Errorf("disconnected from the room: %s", command.Plain(closed.Reason))
		}
		return err
	case err := <-sent:
		cancel()
		<-over //nolint:errcheck // It ends because the input did.
		if err == nil && p.refused > 0 {
			err = fmt.Errorf("%d of %d lines were refused; the ERROR frames say why", p.refused, p.lines)
		}
		return err
	}
}

// send sends all lines, one after the other, so that they arrive in their order.
func (p *pipe) send(ctx context.Context, in io.Reader) error {
	// Connected comes first: an empty input also shows whether the room can be joined.
	if err := p.room.Await(ctx); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		p.lines++
		if !utf8.ValidString(line) {
			return fmt.Errorf("line %d of standard input is not UTF-8, and was not sent; convert the input with iconv", p.lines)
		}
		err := p.sendLine(ctx, line)
		if _, ok := errors.AsType[*chatroom.Refusal](err); ok {
			p.refused++
			continue
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Ctrl-C ends a chat, and is no error.
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", p.lines, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d of standard input is longer than %d KiB, and was not sent; the service allows 500 characters", p.lines+1, longestLine>>10)
	case err != nil:
		return fmt.Errorf("standard input cannot be read: %w", err)
	}
	return nil
}

func (p *pipe) sendLine(ctx context.Context, line string) error {
	for begin, pause := time.Now(), 100*time.Millisecond; ; pause = min(2*pause, time.Second) {
		if err := p.limit.Wait(ctx); err != nil {
			return err
		}
		answering, cancel := context.WithTimeout(ctx, answerTime)
		_, err := p.room.Request(answering, "SEND_MESSAGE", map[string]any{"Content": line})
		cancel()
		refusal, ok := errors.AsType[*chatroom.Refusal](err)
		if !ok || refusal.Code != tooMany || time.Since(begin) > slowTime {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
