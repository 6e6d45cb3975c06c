package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"confab/internal/chat"
	"confab/internal/chatroom"
	"confab/internal/command"
	"confab/internal/roomops"
)

func newTail(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail ROOM…",
		Short: "Watch the messages and events of rooms as they arrive",
		Long: `Print the messages and events of one or more rooms as they arrive, until Ctrl-C. The command joins
the rooms as an ordinary viewer. It reconnects after a lost connection, and gets a new chat token
before one expires.

With --since, rooms with history (the tag confab:history) first print their messages from that time
on, and after a lost connection those that were missed. With -o jsonl, a line is the frame with the
ARN of its room as roomArn; -o json is the same, as a stream has no end. With -o text, it is time,
room, user or event, and text, with tabs.`,
		Example: command.Examples(
			"confab tail demo --since 1h --limit 1",
			"timeout 1 confab tail demo lobby -o jsonl || test $? = 124",
			"confab tail demo --since 1h --user ann --type message --limit 1 -o text",
		),
		Args:       command.Args("ROOM…"),
		SuggestFor: []string{"watch", "follow", "logs"},
	}
	f := command.NewFlags(cmd, env)
	f.Wait(cmd)
	f.CompleteEvery(cmd, command.RoomNames)
	t := &tail{}
	flags := cmd.Flags()
	flags.StringVar(&t.as, "as", "confab-tail", "`USER` id of the viewer.")
	flags.StringVar(&t.since, "since", "", "Start with messages from this `TIME` on: 15m ago, or 2026-01-31T12:00:00Z.")
	flags.StringVar(&t.user, "user", "", "Print only messages of this `USER`.")
	flags.StringVar(&t.kind, "type", "", "Print only `message|event`.")
	flags.StringVar(&t.event, "event", "", "Print only events with this `NAME`.")
	command.CompleteWords(cmd, "type", "message", "event")
	flags.IntVar(&t.limit, "limit", 0, "Stop after this `NUMBER` of frames.")
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		ctx, stop := command.Streaming(ctx, cmd)
		defer stop()
		t.api, t.form, t.out, t.errs = api, p.Form, cmd.OutOrStdout(), cmd.ErrOrStderr()
		return t.run(ctx, args)
	})
	return cmd
}

// tail prints the frames of several rooms.
type tail struct {
	as, since, user, kind, event string
	limit                        int

	api       *command.API
	form      command.Form
	out, errs io.Writer

	mu      sync.Mutex // guards what follows, and the output
	printed int
	enough  context.CancelFunc
	err     error // of the output
}

func (t *tail) run(ctx context.Context, named []string) error {
	switch {
	case t.kind != "" && t.kind != "message" && t.kind != "event":
		return command.Usagef("--type %q: must be message or event", t.kind)
	case t.limit < 0:
		return command.Usagef("--limit %d: must be 0 or more", t.limit)
	}
	since, err := command.TimeFlag("--since", t.since)
	if err != nil {
		return err
	}
	names := map[string]string{} // by ARN
	for _, name := range named {
		arn, err := t.api.Room(ctx, name)
		if err != nil {
			return err
		}
		names[arn] = name
	}
	ctx, t.enough = context.WithCancel(ctx)
	defer t.enough()
	rooms, ctx := errgroup.WithContext(ctx)
	for _, arn := range slices.Sorted(maps.Keys(names)) {
		r := &tailed{tail: t, arn: arn, name: names[arn], since: since, seen: map[string]bool{}}
		if since != nil {
			warnHistory(ctx, t.errs, t.api, arn, names[arn])
		}
		rooms.Go(func() error { return r.follow(ctx) })
	}
	if err := rooms.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// tailed is one of the rooms.
type tailed struct {
	*tail
	arn, name string
	since     *string // from where history is read first; nil is never

	mu      sync.Mutex // guards what follows
	filling bool       // history is being read: frames wait
	waiting []*chatroom.Frame
	last    time.Time       // of the latest frame
	seen    map[string]bool // ids of the latest frames
	order   []string        // of seen, the oldest first
}

const (
	// overlap is how much of what was printed is read again, since history is in the
	// order in which messages were written, on several nodes.
	overlap = 30 * time.Second
	// remembered is more than a room delivers in that time.
	remembered = 8192
)

func (r *tailed) follow(ctx context.Context) error {
	fills := make(chan struct{}, 1)
	said := "" // why the connection is lost, so that each reason is printed once
	room := chatroom.New(chatroom.Options{
		URL: messagingURL(r.api, -1), Client: r.api.HTTP(), Patience: -1,
		Token: tokens(r.api, &ivschat.CreateChatTokenInput{RoomIdentifier: &r.arn, UserId: &r.as}),
		Frame: r.frame,
		State: func(lost error) {
			if lost != nil {
				if text := oneLine(lost); text != said {
					fmt.Fprintf(r.errs, "confab: %s: %s; connecting again\n", command.Plain(r.name), text)
					said = text
				}
				return
			}
			said = ""
			if r.since != nil {
				r.mu.Lock()
				r.filling = true
				r.mu.Unlock()
				select {
				case fills <- struct{}{}:
				default:
				}
			}
		},
	})
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		err := room.Run(ctx)
		if closed, ok := errors.AsType[*chatroom.Closed](err); ok {
			return fmt.Errorf("%s: disconnected from the room: %s", command.Plain(r.name), command.Plain(closed.Reason))
		}
		if err == nil {
			return context.Canceled // so that the other one ends
		}
		return fmt.Errorf("%s: %w", command.Plain(r.name), err)
	})
	both.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-fills:
				if err := r.fill(ctx); err != nil {
					return err
				}
			}
		}
	})
	return both.Wait()
}

func (r *tailed) frame(f *chatroom.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filling {
		r.waiting = append(r.waiting, f)
		return
	}
	r.once(f)
}

// once prints a frame that was not printed before.
func (r *tailed) once(f *chatroom.Frame) {
	if r.seen[f.ID] {
		return
	}
	r.seen[f.ID] = true
	if r.order = append(r.order, f.ID); len(r.order) > remembered {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
	if f.SendTime.After(r.last) {
		r.last = f.SendTime
	}
	r.print(f)
}

// fill prints what history has since the last frame, then the frames that came meanwhile. If the
// server does not answer, the next connection reads it.
func (r *tailed) fill(ctx context.Context) error {
	r.mu.Lock()
	since := r.since
	if !r.last.IsZero() {
		since = new(chat.FormatTime(r.last.Add(-overlap)))
	}
	r.mu.Unlock()
	items, err := latestMessages(ctx, r.api, &roomops.ListMessagesInput{RoomIdentifier: &r.arn, StartTime: since}, 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && r.last.IsZero() && !command.Busy(err) && !command.Unreachable(err) {
		return err // The room's history cannot be read at all.
	} else if err != nil {
		fmt.Fprintf(r.errs, "confab: %s: what was missed cannot be read: %s\n", command.Plain(r.name), oneLine(err))
	}
	for _, item := range items {
		r.once(frameOf(item))
	}
	for _, f := range r.waiting {
		r.once(f)
	}
	r.waiting, r.filling = nil, false
	return nil
}

// frameOf makes a MESSAGE frame of a message that was kept.
func frameOf(item command.Object) *chatroom.Frame {
	sender, _ := item["sender"].(command.Object)
	raw, _ := json.Marshal(command.Object{
		"Type": "MESSAGE", "Id": item["id"], "RequestId": "", "SendTime": item["sendTime"], "Content": item["content"],
		"Attributes": item["attributes"], "Sender": command.Object{"UserId": sender["userId"], "Attributes": sender["attributes"]},
	})
	f := &chatroom.Frame{Raw: raw}
	_ = json.Unmarshal(raw, f)
	return f
}

// wanted reports whether the flags ask for a frame.
func (t *tail) wanted(f *chatroom.Frame) bool {
	switch f.Type {
	case "MESSAGE":
		return t.kind != "event" && t.event == "" && (t.user == "" || t.user == f.Sender.UserID)
	case "EVENT":
		return t.kind != "message" && t.user == "" && (t.event == "" || t.event == f.EventName)
	}
	return false
}

func (r *tailed) print(f *chatroom.Frame) {
	if !r.wanted(f) {
		return
	}
	t := r.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit > 0 && t.printed >= t.limit {
		return
	}
	if _, err := fmt.Fprintln(t.out, r.line(f)); err != nil {
		t.err = err
		t.enough()
	}
	if t.printed++; t.printed == t.limit {
		t.enough()
	}
}

func (r *tailed) line(f *chatroom.Frame) string {
	who, text := f.Sender.UserID, f.Content
	if f.Type == "EVENT" {
		who, text = "* "+f.EventName, command.PairText(f.Attributes)
	}
	who, text = command.Plain(who), command.Plain(text)
	switch r.form {
	case command.JSON, command.JSONL:
		arn, _ := json.Marshal(r.arn)
		return `{"roomArn":` + string(arn) + "," + strings.TrimPrefix(string(command.SafeJSON(f.Raw)), "{")
	case command.Text:
		return strings.Join([]string{chat.FormatTime(f.SendTime), command.Plain(r.name), who, text}, "\t")
	}
	return fmt.Sprintf("%s  %s  %s: %s", f.SendTime.Local().Format(time.TimeOnly), command.Plain(r.name), who, text)
}

func oneLine(err error) string { return command.Plain(err.Error()) }
