package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// errReaderGone is why the context of a stream ends when the reader of its output has left.
var errReaderGone = errors.New("the reader of standard output has left")

// Interruptible returns a context that ends at Ctrl-C or SIGTERM, or when the terminal closes,
// except under nohup. A second signal ends the program at once.
func Interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Streaming is Interruptible for a command that changes nothing. The context also ends when the
// reader of the command's output has left, as head does.
func Streaming(ctx context.Context, cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, stop := Interruptible(ctx)
	out, ok := cmd.OutOrStdout().(interface{ Gone() <-chan struct{} })
	if !ok {
		return ctx, stop
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-out.Gone():
			cancel(errReaderGone)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled); stop() }
}

// ReaderGone reports whether the context of a stream ended because the reader of its output has
// left.
func ReaderGone(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errReaderGone) }

// Ask asks a question on the terminal. Unless the answer is yes, it returns an error that says
// that nothing was done. So does the end of ctx.
func Ask(ctx context.Context, env Environment, question string) error {
	fmt.Fprintf(env.Err, "%s [y/N] ", question)
	answers, failed := make(chan string, 1), make(chan error, 1)
	go func() { // It ends with the program if no answer comes.
		line, err := bufio.NewReader(env.In).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			failed <- err
			return
		}
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("the answer cannot be read: %w; nothing was done", err)
	case <-ctx.Done():
		fmt.Fprintln(env.Err)
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
	}
	return errors.New("nothing was done")
}
