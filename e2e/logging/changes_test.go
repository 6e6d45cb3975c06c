package logging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
)

// phases are the settings of a room one after the other: for each, the
// destinations that log.
type phases struct {
	// begun counts those whose change was asked for, done those whose change was
	// acknowledged.
	begun, done atomic.Int64
	logs        [][]destination
}

// message is what a client received, with the phases in which it may have got
// its place in the room: from the last that was done when it was sent to the
// last that had begun when it was received.
type message struct{ from, to int }

// TestChanges changes the logging configurations of a room and their
// destinations while many messages pass. What was sent and received between two
// changes is exactly where it was meant for; what met a change is where the
// settings before or after it say.
func TestChanges(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir(), moto.URL, moto.URL, soon...))
	one, two, three, late := newBucket(t, moto.URL), newLogGroup(t, moto.URL), newDeliveryStream(t, moto.URL), newBucket(t, moto.URL)
	first, second, third := s.configuration(t, one.configuration()), s.configuration(t, two.configuration()), s.configuration(t, three.configuration())
	room := s.room(t, first)
	attach := func(arns ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.api.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: &room, LoggingConfigurationIdentifiers: append([]string{}, arns...)})
			return err
		}
	}
	point := func(arn string, d destination) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.api.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{Identifier: &arn, DestinationConfiguration: d.configuration()})
			return err
		}
	}
	steps := []struct {
		change func(context.Context) error
		logs   []destination
	}{
		{attach(first), []destination{one}},
		{attach(first, second), []destination{one, two}},
		{attach(second), []destination{two}},
		{attach(), nil},
		{attach(first, second, third), []destination{one, two, three}},
		{point(first, late), []destination{late, two, three}},
		{attach(second, third), []destination{two, three}},
		{func(ctx context.Context) error {
			_, err := s.api.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: &first})
			return err
		}, []destination{two, three}},
		{point(third, one), []destination{two, one}},
		{attach(third), []destination{one}},
	}

	p := &phases{}
	var mu sync.Mutex
	seen := map[string]message{}
	c := senders{
		rooms: []string{room}, perRoom: 8,
		stamp: func() string { return strconv.FormatInt(p.done.Load(), 10) },
		received: func(user string, f frame) {
			by, stamp, _ := strings.Cut(f.Content, " ")
			if by != user {
				return // Its sender tells.
			}
			from, err := strconv.Atoi(stamp)
			if err != nil {
				t.Error(err)
			}
			to := int(p.begun.Load())
			mu.Lock()
			defer mu.Unlock()
			seen[f.Id] = message{from, to}
		},
	}
	received := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	p.logs = append(p.logs, steps[0].logs)
	go func() { ended <- c.run(ctx, s) }()
	for i, s := range steps {
		if i > 0 {
			p.logs = append(p.logs, s.logs)
			p.begun.Store(int64(i))
			if err := s.change(ctx); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			p.done.Store(int64(i))
		}
		enough := received() + 60
		eventually(t, patience, fmt.Sprintf("messages of step %d", i), func() bool { return received() >= enough })
	}
	_, err := s.api.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: &third})
	if _, conflict := errors.AsType[*types.ConflictException](err); !conflict {
		t.Errorf("deleting a logging configuration that a room uses: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil { // It delivers what is left.
		t.Fatal(err)
	}

	for to, name := range map[destination]string{one: "the bucket", two: "the log group", three: "the delivery stream", late: "the second bucket"} {
		got := ids(t, to)
		lost, strayed, sure := 0, 0, 0
		for id, m := range seen {
			meant := 0
			for _, logs := range p.logs[m.from : m.to+1] {
				if slices.Contains(logs, to) {
					meant++
				}
			}
			switch {
			case meant == m.to-m.from+1:
				sure++
				if got[id] == 0 {
					lost++
				}
			case meant == 0 && got[id] > 0:
				strayed++
			}
		}
		t.Logf("%s has %d messages, of which %d were sent and received between changes", name, len(got), sure)
		if lost > 0 || strayed > 0 || sure == 0 {
			t.Errorf("%s: of %d messages that were meant for it %d are lost, and %d others are there", name, sure, lost, strayed)
		}
	}
}
