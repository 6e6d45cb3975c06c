// Package chatlog delivers the transcripts of rooms to the destinations of their
// logging configurations: S3, CloudWatch Logs and Firehose, or the same below a
// local directory (IVS Chat user guide, "Chat Logging").
//
// # What is delivered
//
// Every frame that a room delivered while it had the logging configuration is delivered
// at least once, as the record that AppendRecord makes. The destinations of a frame are
// stored with it when it is appended to the transcript: those that the room's logging
// configurations have at that moment. Attaching, detaching, changing or deleting a
// configuration later changes nothing for that frame.
//
// # Positions
//
// A Reader is one configuration with one destination. For every room it has a Backlog:
// the position up to which the destination has acknowledged everything, and the last
// position that the reader is owed. The position moves after the acknowledgement and
// survives kill -9. After a crash only the calls that were under way are delivered
// twice: per reader at most inFlight calls of
//
//	S3               nothing: key and bounds of an object are durable before it is
//	                 written, so a retry overwrites it with the same object
//	CloudWatch Logs  10,000 records or 1 MiB of one room
//	Firehose         500 records or 4 MiB
//	local            nothing, or as above if the file system lost a file's tail
//
// # Several servers
//
// One server at a time delivers to a reader: the one that holds its lease in the
// transcript (Transcript.Claim). A lease lasts some seconds and is renewed. A server
// that stops releases its leases; those of a crashed server expire, and other servers
// take them. The readers are distributed over the live servers. A server leaves a
// reader to the server it is assigned to, and hands it over gracefully when the
// assignment changes. If the assigned server does not claim it for some seconds,
// another server stands in. A server that cannot renew a lease in time aborts its
// calls. As after a crash, their records may be delivered twice.
//
// # When a destination fails
//
// Each reader works alone, with a bounded number of calls and of bytes in memory.
// Failed calls are retried for as long as the transcript is kept, with backoff and
// jitter. Each room backs off alone. When nothing succeeds, the whole destination slows
// down to single attempts. When a destination accepts a part of a call, this process
// does not send that part again. Records older than the retention are dropped, counted
// and logged by the transcript.
package chatlog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"confab/internal/chat"
	"confab/internal/poll"
)

// Reader is a logging configuration with the destination that it had when
// frames were appended for it.
type Reader struct {
	ID            int64
	Configuration chat.ARN
	Destination   chat.Destination
	// Since is when the oldest frame that the reader is owed was received. It is zero
	// when the reader is owed nothing.
	Since time.Time
}

// Backlog is what a reader is owed of one room.
type Backlog struct {
	ReaderID int64
	RoomID   string
	// Delivered is the position up to which everything was acknowledged. Head is the
	// last position that may be owed.
	Delivered, Head int64
	// Object is begun and not yet acknowledged; nil if there is none.
	Object *Object
}

// Object is an S3 object with fixed key and bounds. It has exactly the records owed
// after Backlog.Delivered up to the position To.
type Object struct {
	Key string
	To  int64
}

// Record is one frame to be delivered.
type Record struct {
	Position int64
	Time     time.Time // when the service received the request
	Type     chat.FrameType
	JSON     []byte // the frame as clients received it
}

// ErrNotClaimed is returned by a Transcript when this server does not hold, or no
// longer holds, the lease of the reader.
var ErrNotClaimed = errors.New("another server delivers to this reader, or may")

// Transcript is the durable record of rooms with the positions of its readers.
type Transcript interface {
	// Readers returns all readers that were ever owed something.
	Readers(ctx context.Context) ([]Reader, error)
	// Claim takes, for a few seconds, those of the readers that no other server has,
	// and renews those that this server has. It returns all readers of this server,
	// each with the time at which its lease expires. With an error it returns those
	// whose lease has not expired.
	Claim(ctx context.Context, readers []int64) (map[int64]time.Time, error)
	// Release ends the claims on the readers; nil is all.
	Release(ctx context.Context, readers []int64) error
	// Backlogs returns up to max rooms with records for the reader that are older than
	// before, or larger than size bytes in total; the oldest first.
	Backlogs(ctx context.Context, reader int64, before time.Time, size int64, max int) ([]Backlog, error)
	// Owed returns up to max records of the backlog's room for its reader, after the
	// position after and up to the position to, in order. If it returns fewer than max,
	// there are no more.
	Owed(ctx context.Context, b Backlog, after, to int64, max int) ([]Record, error)
	// BeginObject makes key and bounds of an object durable. It fails when the reader
	// is not claimed.
	BeginObject(ctx context.Context, b Backlog, o Object) error
	// Advance stores that everything up to the position to was acknowledged, which also
	// finishes an object. bytes is the size of those records, and since the time of the
	// last one. A backlog that another caller moved is unchanged. Advance returns
	// ErrNotClaimed when this server no longer has the reader.
	Advance(ctx context.Context, b Backlog, to int64, bytes int, since time.Time) error
}

// The defaults of Options.
const (
	DefaultFlushInterval  = 5 * time.Second
	DefaultObjectInterval = 5 * time.Minute
)

// Options are what a Service needs. Fields without a comment are required.
type Options struct {
	Region, Account string
	Transcript      Transcript
	// LocalDir, when set, is the destination of everything instead of AWS: see
	// local.go.
	LocalDir string
	// Deliver, when set, is called instead of AWS, with up to maxDelivered records of one
	// room, from several goroutines. It logs and counts failed calls itself.
	Deliver func(ctx context.Context, r Reader, roomID string, records []Record) error
	// AWS is the configuration of the AWS clients; required without LocalDir and Deliver.
	AWS aws.Config
	// Mine assigns work to servers: it reports whether this server should do the work with
	// the name key. Exactly one server should. Nil means always.
	Mine func(key string) bool
	// Idle, when set, returns a channel that is closed when a reader may be owed something
	// again, or nil if one may be now. Until then the transcript is not asked.
	Idle func() <-chan struct{}
	// FlushInterval is how long records wait for others before they go to CloudWatch
	// Logs and Firehose. ObjectInterval is the same for S3. 0 is the default.
	FlushInterval, ObjectInterval time.Duration
	Metrics                       *Metrics
	Log                           *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service delivers transcripts. Make it with New, stop it with Close.
type Service struct {
	o       Options
	clients clients

	ctx  context.Context // ends all work
	stop context.CancelFunc
	// look is how often the transcript is asked which readers are owed something.
	look time.Duration
	// flush is closed when records must not wait for others any more.
	flush chan struct{}
	// flushes carries calls of Flush: each channel is closed when its flush is done.
	flushes chan chan struct{}
	// settles carries calls of Settle in the same way.
	settles chan chan struct{}
	// early is the time of the last Flush in nanoseconds. Older records do not wait for
	// an interval.
	early atomic.Int64
	done  chan struct{} // closed when all workers have ended

	closing sync.Once
}

// New starts to deliver what the transcript has.
func New(o Options) (*Service, error) {
	if o.FlushInterval <= 0 {
		o.FlushInterval = DefaultFlushInterval
	}
	if o.ObjectInterval <= 0 {
		o.ObjectInterval = DefaultObjectInterval
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LocalDir == "" && o.Deliver == nil && o.AWS.Credentials == nil {
		return nil, errors.New("chat logging has neither AWS credentials nor a local directory")
	}
	s := &Service{o: o, flush: make(chan struct{}), flushes: make(chan chan struct{}), settles: make(chan chan struct{}), done: make(chan struct{})}
	s.look = min(pollEvery, s.o.FlushInterval, s.o.ObjectInterval)
	s.clients = newClients(&s.o)
	s.ctx, s.stop = context.WithCancel(context.Background())
	go s.dispatch()
	return s, nil
}

// Flush delivers what is owed now without waiting for intervals. It returns when that
// is done, when only failing destinations are left, or when ctx ends. The service
// continues: frames that rooms deliver meanwhile wait as usual.
func (s *Service) Flush(ctx context.Context) {
	flushed := make(chan struct{})
	select {
	case s.flushes <- flushed:
	case <-ctx.Done():
		return
	case <-s.done:
		return
	}
	select {
	case <-flushed:
	case <-ctx.Done():
	case <-s.done:
	}
}

// Settle waits for the calls that have read the transcript before it was called. After it,
// records that were removed from the transcript are not delivered. It returns the error of
// ctx if that ends first.
func (s *Service) Settle(ctx context.Context) error {
	settled := make(chan struct{})
	select {
	case s.settles <- settled:
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close delivers what is owed without waiting for intervals, until ctx ends or only
// failing destinations are left. The rest is delivered after the next start.
func (s *Service) Close(ctx context.Context) {
	s.closing.Do(func() { close(s.flush) })
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	s.stop()
	<-s.done
}

// pollEvery is how often the transcript is polled for readers that are owed something,
// unless records wait for less. It is a fraction of every sensible interval.
const pollEvery = time.Second

// dispatch runs one worker for every claimed reader that was owed something since it
// was claimed. It wakes the workers of readers that are owed something now, in turns. It ends
// with all workers after Close is called.
func (s *Service) dispatch() {
	defer close(s.done)
	t := newTeam(s)
	defer t.end()
	next := time.NewTimer(poll.Next(s.look))
	defer next.Stop()
	var flushed chan struct{} // of a call of Flush
	for last := false; ; {
		readers, err := s.o.Transcript.Readers(s.ctx)
		switch {
		case err == nil:
			s.measureLag(readers)
		case s.ctx.Err() == nil:
			s.o.Log.LogAttrs(s.ctx, slog.LevelError, "Chat log readers not listed", slog.Any("error", err))
		}
		t.work(readers)
		if flushed != nil {
			t.flush(flushed)
			flushed = nil
		}
		if last || s.ctx.Err() != nil {
			break
		}
		look, wake := s.pause(len(t.workers) > 0)
		next.Reset(poll.Next(look))
		select {
		case <-next.C:
		case <-wake:
		case settled := <-s.settles:
			t.settle(settled)
		case flushed = <-s.flushes:
			s.early.Store(s.o.Now().UnixNano())
		case <-s.flush:
			last = true
		case <-s.ctx.Done():
		}
	}
	// The claims are renewed until the workers finish.
	next.Reset(poll.Next(s.look))
	for finished := t.finished(); ; {
		select {
		case <-finished:
			return
		case <-next.C:
			t.renew()
			next.Reset(poll.Next(s.look))
		}
	}
}

// pause returns how long dispatch waits before it looks again, and what ends that sooner. If no
// reader can be owed anything, it only renews the claims of its workers.
func (s *Service) pause(workers bool) (look time.Duration, wake <-chan struct{}) {
	if s.o.Idle != nil {
		wake = s.o.Idle()
	}
	switch {
	case wake == nil:
		return s.look, nil
	case workers:
		return pollEvery, wake
	}
	return time.Hour, wake
}

// flushing reports whether the service stops.
func (s *Service) flushing() bool {
	select {
	case <-s.flush:
		return true
	default:
		return false
	}
}

// measureLag sets, for every type of destination, the age of the oldest undelivered
// record.
func (s *Service) measureLag(readers []Reader) {
	lag := map[chat.DestinationType]time.Duration{}
	for _, r := range readers {
		if !r.Since.IsZero() {
			lag[r.Destination.Type] = max(lag[r.Destination.Type], s.o.Now().Sub(r.Since))
		}
	}
	for _, t := range []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose} {
		s.o.Metrics.Lag.WithLabelValues(string(t)).Set(lag[t].Seconds())
	}
}
