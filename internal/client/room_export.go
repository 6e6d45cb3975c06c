package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/chat"
	"confab/internal/command"
	"confab/internal/export"
	"confab/internal/roomops"
)

func newRoomExport(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export ROOM",
		Short: "Export the messages of a room to a file",
		Long: `Write the messages of a room with history (the tag confab:history), oldest first. The formats are ndjson (one
message in each line, with the members of ListMessages), csv (for spreadsheets; cells that would be formulas
begin with a ') and vtt (WebVTT captions for a recording that began at --start).

The file gets its name when it is complete. While the export runs, it has another name.`,
		Example: command.Examples(
			"confab room export demo --file demo.ndjson",
			"confab room export demo --format vtt --start 2026-01-31T20:00:00Z --to 2026-01-31T22:00:00Z --file demo.vtt",
			"confab room export demo | jq -r .content",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewConnectionFlags(cmd, env)
	flags := cmd.Flags()
	e := &exporting{env: env}
	flags.StringVar(&e.form, "format", export.Forms[0], "`FORM` of the file: ndjson, csv or vtt.")
	flags.StringVar(&e.from, "from", "", "Export messages from this `TIME` on: 15m ago, or 2026-01-31T12:00:00Z; default all, or --start.")
	flags.StringVar(&e.to, "to", "", "Export messages before this `TIME`; default now.")
	flags.StringVar(&e.start, "start", "", "`TIME` at which the recording begins, for --format vtt.")
	flags.StringVar(&e.file, "file", "-", "`FILE` to write; - is standard output.")
	flags.BoolVar(&e.deleted, "deleted", false, "Export deleted messages, too; this needs confab:ReadModerated.")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(export.Forms, cobra.ShellCompDirectiveNoFileComp))
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, _ *command.Printer, room string, _ []string) error {
		ctx, stop := command.Streaming(ctx, cmd)
		defer stop()
		e.out = cmd.OutOrStdout()
		err := e.run(ctx, api, room)
		if err == nil && e.count == 0 {
			warnHistory(ctx, cmd.ErrOrStderr(), api, room, cmd.Flags().Arg(0))
		}
		switch {
		case err == nil || ctx.Err() == nil:
			return err
		case command.ReaderGone(ctx):
			return nil // As with head, which has read what it wanted.
		case e.file == "-":
			return errors.New("stopped before the export was complete; what was written is whole messages")
		}
		return fmt.Errorf("stopped before the export was complete; %q is as it was before", e.file)
	})
	return cmd
}

// exporting is one run of the command.
type exporting struct {
	env                         command.Environment
	form, from, to, start, file string
	deleted                     bool
	out                         io.Writer
	input                       roomops.ListMessagesInput
	first, last                 time.Time // what is exported, for the progress
	count                       int
}

// progress shows nothing on a terminal that has the messages.
func (e *exporting) progress() *command.Progress {
	if e.file == "-" && command.IsTerminal(e.env.Out) && command.IsTerminal(e.env.Err) {
		return command.NewProgress(io.Discard)
	}
	return command.NewProgress(e.env.Err)
}

func (e *exporting) run(ctx context.Context, api *command.API, room string) error {
	var err error
	if e.input.StartTime, err = command.TimeFlag("--from", e.from); err != nil {
		return err
	}
	if e.input.EndTime, err = command.TimeFlag("--to", e.to); err != nil {
		return err
	}
	start, err := command.TimeFlag("--start", e.start)
	if err != nil {
		return err
	}
	if (e.form == "vtt") != (start != nil) {
		return command.Usagef("--start is the time at which the recording begins: --format vtt needs it, and no other form does")
	}
	var began time.Time
	if start != nil {
		began, _ = time.Parse(time.RFC3339Nano, *start)
		if e.input.StartTime == nil {
			e.input.StartTime = start
		}
	}
	if e.input.EndTime == nil { // Otherwise a busy room has no end.
		e.input.EndTime = new(chat.FormatTime(time.Now()))
	}
	if e.input.StartTime != nil {
		e.first, _ = time.Parse(time.RFC3339Nano, *e.input.StartTime)
	}
	e.last, _ = time.Parse(time.RFC3339Nano, *e.input.EndTime)
	e.input.RoomIdentifier = &room
	e.input.Order, e.input.MaxResults = new("OLDEST_FIRST"), new(int32(pageMessages))
	if e.deleted {
		e.input.IncludeDeleted = &e.deleted
	}
	if _, err := export.New(e.form, io.Discard, began); err != nil {
		return command.Usagef("--format %q: must be %s", e.form, strings.Join(export.Forms, ", "))
	}
	return e.write(func(w io.Writer) error {
		out, err := export.New(e.form, w, began)
		if err != nil {
			return err
		}
		p := e.progress()
		defer p.Done()
		if err := e.pages(ctx, api, out, p); err != nil {
			return err
		}
		return e.failed(out.Close())
	})
}

// pages writes all pages. It asks again when the API is busy.
func (e *exporting) pages(ctx context.Context, api *command.API, out export.Writer, p *command.Progress) error {
	for failures := 0; ; {
		page, err := command.Call[roomops.ListMessagesOutput](ctx, api, "ListMessages", &e.input)
		if command.Busy(err) && failures < mostFailures {
			failures++
			select {
			case <-time.After(time.Duration(failures) * 500 * time.Millisecond):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err != nil {
			return err
		}
		failures = 0
		for i := range page.Messages {
			m := exported(&page.Messages[i])
			if e.first.IsZero() {
				e.first = m.SendTime
			}
			if err := out.Write(m); err != nil {
				return e.failed(err)
			}
			e.count++
			part := 1.0
			if span := e.last.Sub(e.first); span > 0 {
				part = float64(m.SendTime.Sub(e.first)) / float64(span)
			}
			p.Part(part, e.count, fmt.Sprintf("%d messages", e.count))
		}
		if page.NextToken == nil {
			return nil
		}
		e.input.NextToken = page.NextToken
	}
}

const (
	// pageMessages is the most that ListMessages answers.
	pageMessages = 200
	// mostFailures is how often a page is asked for again.
	mostFailures = 10
)

func exported(m *roomops.Message) *export.Message {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	sent, _ := time.Parse(time.RFC3339Nano, m.SendTime)
	return &export.Message{
		ID: m.ID, SendTime: sent, UserID: m.Sender.UserID, Content: m.Content, Attributes: m.Attributes, SenderAttributes: m.Sender.Attributes,
		DeletedTime: text(m.DeletedTime), DeletedBy: text(m.DeletedBy), Reason: text(m.Reason), Members: command.Members(*m),
	}
}

// write has do write the file. Unless it is standard output, a device or a pipe, it gets its
// name when it is complete.
func (e *exporting) write(do func(w io.Writer) error) error {
	if e.file == "-" {
		return e.through(e.out, do)
	}
	if info, err := os.Stat(e.file); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(e.file, os.O_WRONLY, 0)
		if err != nil {
			return e.failed(err)
		}
		return errors.Join(e.through(f, do), e.failed(f.Close()))
	}
	f, err := os.CreateTemp(filepath.Dir(e.file), "."+filepath.Base(e.file)+".*.part")
	if err != nil {
		return e.failed(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := e.through(f, do); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return e.failed(err)
	}
	if err := f.Close(); err != nil {
		return e.failed(err)
	}
	return e.failed(os.Rename(f.Name(), e.file))
}

// through has do write through a buffer.
func (e *exporting) through(w io.Writer, do func(w io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	err := do(b)
	// Of an export that fails, what is there ends with a whole message.
	if flushed := b.Flush(); err == nil {
		err = e.failed(flushed)
	}
	return err
}

// failed says in which file an error is.
func (e *exporting) failed(err error) error {
	if err == nil {
		return nil
	}
	if reason, ok := errors.AsType[syscall.Errno](err); ok {
		err = reason
	}
	if e.file == "-" {
		return fmt.Errorf("standard output cannot be written: %w; what is there is not complete", err)
	}
	return fmt.Errorf("%q cannot be written: %w; it is as it was before", e.file, err)
}
