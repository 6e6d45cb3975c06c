package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/spf13/cobra"

	"confab/internal/chatroom"
	"confab/internal/command"
	"confab/internal/loadtest"
)

func newLoad(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "load ROOM",
		Short: "Load-test a room, and measure deliveries",
		Long: `Open connections to a room, send messages over them, and count deliveries. The report has two
parts. Latencies are measured from the time at which each message was due, so a server that
makes its clients wait cannot hide it. Deliveries are counted that were lost, doubled, or in
another order than on other connections. The report says if this program itself was the limit:
then its latencies are longer than those of the server.

A connection may send 10 messages a second, and a room accepts its maximum rate. Before it
loads a server that is not on this machine, the command asks. Ctrl-C ends it with a report.
A connection that is lost is made again until the command ends. A message that is due meanwhile
waits for up to 30 seconds.

The exit status is 0 if every message was accepted, and was delivered once and in order to every
connection. It is 1 if a delivery was lost, doubled or reordered, if a message was refused, not
answered, or not sent because no connection was open, if a connection failed for good, or if the
99th percentile of latencies is above --max-p99. Connections that were lost and made again do not
count.`,
		Example: command.Examples(
			"confab load demo --connections 20 --rate 5 --for 1s",
			"confab load demo --connections 5 --rate 2 --for 1s -o json | grep -A 4 latency",
			"confab load demo --connections 10 --rate 5 --for 1s --max-p99 30s >report.txt",
		),
		Args:       command.Args("ROOM"),
		SuggestFor: []string{"bench", "loadtest", "load-test"},
	}
	f := command.NewFlags(cmd, env)
	f.Wait(cmd)
	o := loadtest.Options{}
	flags := cmd.Flags()
	flags.IntVar(&o.Connections, "connections", 10, "`NUMBER` of connections.")
	flags.Float64Var(&o.ConnectRate, "connect-rate", 50, "`NUMBER` of new connections a second.")
	flags.Float64Var(&o.Rate, "rate", 1, "`NUMBER` of messages a second over all connections; 0 sends none.")
	flags.DurationVar(&o.For, "for", 10*time.Second, "`TIME` during which messages are sent.")
	flags.IntVar(&o.Length, "length", 50, "Length of a message in `CHARACTERS`.")
	slowest := flags.Duration("max-p99", 0, "Exit with status 1 if the 99th percentile of latencies is above this `TIME`; default no limit.")
	yes := flags.Bool("yes", false, "Do not ask before a server is loaded that is not on this machine.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		if err := checkLoad(&o); err != nil {
			return err
		}
		if *slowest < 0 {
			return command.Usagef("--max-p99 %s: must be 0 or more", *slowest)
		}
		ctx, stop := command.Interruptible(ctx)
		defer stop()
		if !api.Loopback() && !*yes {
			if err := askLoad(ctx, env, api, &o); err != nil {
				return err
			}
		}
		warnRate(ctx, cmd.ErrOrStderr(), api, room, o.Rate)
		o.URL, o.Client = messagingURL(api, 0), api.HTTP()
		o.Token = func(ctx context.Context, user string) (chatroom.Token, error) {
			return tokens(api, &ivschat.CreateChatTokenInput{
				RoomIdentifier: &room, UserId: &user, Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
			})(ctx)
		}
		progress := command.NewProgress(env.Err)
		all := o.For + time.Duration(float64(o.Connections)/o.ConnectRate*float64(time.Second))
		o.Progress = func(p loadtest.Progress) {
			progress.Bar(float64(p.Elapsed)/float64(all), max(all-p.Elapsed, 0),
				fmt.Sprintf("%d of %d connected, %d messages/s, %d deliveries/s, p50 %.1f ms, p99 %.1f ms, %d errors",
					p.Connected, p.Wanted, p.Messages, p.Deliveries, p.P50, p.P99, p.Errors))
		}
		report, err := loadtest.Run(ctx, o)
		progress.Done()
		if err != nil {
			return err
		}
		if err := printReport(p, cmd.OutOrStdout(), report); err != nil {
			return err
		}
		if p.Form != command.Table && report.Limit != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "confab: this program was the limit: %s\n", report.Limit)
		}
		return failure(report, *slowest)
	})
	return cmd
}

func checkLoad(o *loadtest.Options) error {
	switch {
	case o.Connections < 1:
		return command.Usagef("--connections %d: must be 1 or more", o.Connections)
	case o.ConnectRate <= 0:
		return command.Usagef("--connect-rate %g: must be more than 0", o.ConnectRate)
	case o.Rate < 0:
		return command.Usagef("--rate %g: must be 0 or more", o.Rate)
	case o.For <= 0:
		return command.Usagef("--for %s: must be more than 0", o.For)
	case o.Rate > connectionRate*float64(o.Connections):
		return command.Usagef("--rate %g: the service allows a connection %d messages a second; make at least %d with --connections", o.Rate, connectionRate, int(o.Rate+connectionRate-1)/connectionRate)
	case o.Length < 1 || o.Length > 500:
		return command.Usagef("--length %d: must be 1 to 500", o.Length)
	}
	return nil
}

// askLoad asks whether the server may be loaded.
func askLoad(ctx context.Context, env command.Environment, api *command.API, o *loadtest.Options) error {
	if !command.IsTerminal(env.In) {
		return command.Usagef("%s is not on this machine; --yes loads it all the same", api.Where())
	}
	return command.Ask(ctx, env, fmt.Sprintf("Load %s with %d connections and %g messages a second for %s?", api.Where(), o.Connections, o.Rate, o.For))
}

// warnRate says when the room refuses some of the messages.
func warnRate(ctx context.Context, errs io.Writer, api *command.API, room string, rate float64) {
	out, err := api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &room})
	if err != nil {
		return // Without ivschat:GetRoom the load works as well.
	}
	if most := aws.ToInt32(out.MaximumMessageRatePerSecond); rate > float64(most) {
		fmt.Fprintf(errs, "confab: the room allows %d messages a second and refuses the others; confab room update %s --max-rate N changes it\n", most, aws.ToString(out.Id))
	}
}

func printReport(p *command.Printer, out io.Writer, r *loadtest.Report) error {
	if p.Form == command.Table {
		_, err := io.WriteString(out, reportText(r))
		return err
	}
	return p.One(command.Members(r), command.Column{Member: "messages"}, command.Column{Member: "deliveries"},
		command.Column{Member: "lost"}, command.Column{Member: "doubled"}, command.Column{Member: "reordered"}, command.Column{Member: "unsent"})
}

// failure is the error of a load test whose messages did not all arrive as they should, or later
// than slowest; 0 is no limit.
func failure(r *loadtest.Report, slowest time.Duration) error {
	var all []string
	if r.Failed > 0 {
		text := fmt.Sprintf("%d connections failed for good", r.Failed)
		if r.FirstError != nil {
			text += ": " + command.Plain(r.FirstError.Error())
		}
		all = append(all, text)
	}
	if r.Lost > 0 || r.Doubled > 0 || r.Reordered > 0 {
		all = append(all, fmt.Sprintf("%d deliveries were lost, %d doubled, and %d reordered", r.Lost, r.Doubled, r.Reordered))
	}
	for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
		all = append(all, fmt.Sprintf("%d messages were refused with ERROR %s", r.Refused[code], code))
	}
	if r.Unanswered > 0 {
		all = append(all, fmt.Sprintf("%d messages were not answered", r.Unanswered))
	}
	if r.Unsent > 0 {
		all = append(all, fmt.Sprintf("%d messages were not sent because no connection was open: look at the log of the server for the reason", r.Unsent))
	}
	if p99 := time.Duration(r.Latency.P99 * float64(time.Millisecond)); slowest > 0 && p99 > slowest {
		all = append(all, fmt.Sprintf("the 99th percentile of latencies is %s, above --max-p99 %s", p99.Round(100*time.Microsecond), slowest))
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "; "))
}

// barWidth is the length of the longest bar of the histogram.
const barWidth = 40

func reportText(r *loadtest.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Connections  %d of %d at the end, %d disconnects; connected within p50 %.1f ms, p99 %.1f ms, max %.1f ms\n",
		r.Connections, r.Wanted, r.Disconnects, r.Connects.P50, r.Connects.P99, r.Connects.Max)
	fmt.Fprintf(&b, "Messages     %d accepted", r.Messages)
	for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
		fmt.Fprintf(&b, ", %d refused with ERROR %s", r.Refused[code], code)
	}
	if r.Unsent > 0 {
		fmt.Fprintf(&b, ", %d not sent because no connection was open", r.Unsent)
	}
	fmt.Fprintf(&b, ", %d without an answer; answers p50 %.1f ms, p99 %.1f ms\n", r.Unanswered, r.Answers.P50, r.Answers.P99)
	fmt.Fprintf(&b, "Deliveries   %d, %.0f a second; lost %d, doubled %d, reordered %d\n", r.Deliveries, float64(r.Deliveries)/max(r.Seconds, 1e-3), r.Lost, r.Doubled, r.Reordered)
	fmt.Fprintf(&b, "Latency      p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms, from the time at which a message was due\n", r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.Max)
	most := int64(1)
	for _, bar := range r.Histogram {
		most = max(most, bar.Count)
	}
	for _, bar := range r.Histogram {
		fmt.Fprintf(&b, "  < %6g ms  %8d  %s\n", bar.Below, bar.Count, strings.Repeat("█", int(bar.Count*barWidth/most)))
	}
	if r.Limit != "" {
		fmt.Fprintf(&b, "This program was the limit: %s\n", r.Limit)
	}
	return b.String()
}
