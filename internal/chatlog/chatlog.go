// Package chatlog delivers the transcripts of rooms to the destinations of their
// logging configurations: S3, CloudWatch Logs and Firehose, or the same below a
// local directory (IVS Chat user guide, "Chat Logging").
//
// # What is delivered
//
// Every frame that a room delivered while it had the logging configuration, at
// least once, as the record that AppendRecord makes. Who a frame is for is
// written beside it when it is appended to the transcript: the destinations that
// the room's logging configurations have at that moment. A configuration that is
// attached, detached, changed or deleted later neither takes from a destination
// what was meant for it nor gives it anything else.
//
// # Positions
//
// A Reader is one configuration with one destination. For every room it has a
// Backlog: the position up to which the destination has acknowledged everything,
// and the last one that it is owed. The position moves after the acknowledgement
// and survives kill -9, so what is delivered twice after a crash is what was
// under way then: per reader at most inFlight calls of
//
//	S3               nothing: key and bounds of an object are durable before it is
//	                 written, so the same object is written over itself
//	CloudWatch Logs  10,000 records or 1 MiB of one room
//	Firehose         500 records or 4 MiB
//	local            nothing, or as above if the file system lost a file's tail
//
// # Several servers
//
// A reader is delivered to by one server at a time: the one that claimed it in
// the transcript (Transcript.Claim), for some seconds, again and again. A server
// that stops gives its claims back; those of one that dies run out, and the
// others take them. Among those that live the readers are shared out: a server
// leaves a reader that is another's to that one, and gives it back in good order
// when it becomes another's; only when that one does not come for some seconds
// does any other stand in. A server that cannot renew a claim in time breaks off what it
// has under way. That counts like a crash: it may be delivered twice.
//
// # When a destination fails
//
// Each reader works alone, with a bounded number of calls and of bytes in memory.
// What fails is tried again for as long as the transcript is kept, with growing
// pauses and jitter: rooms on their own, and the whole destination slows down to
// single attempts when nothing succeeds. Records that a destination accepted in
// part of a call are not sent again by this process. What is older than the
// retention is dropped, counted and logged by the transcript.
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
	"confab/internal/telemetry"
)

// Reader is a logging configuration with the destination that it had when
// frames were appended for it.
type Reader struct {
	ID            int64
	Configuration chat.ARN
	Destination   chat.Destination
	// Since is when the oldest frame that it is owed was received; zero when it
	// is owed nothing.
	Since time.Time
}

// Backlog is what a reader is owed of one room.
type Backlog struct {
	ReaderID int64
	RoomID   string
	// Delivered is the position up to which everything was acknowledged, Head
	// the last one that may be owed.
	Delivered, Head int64
	// Object is what was begun and not acknowledged; nil if there is none.
	Object *Object
}

// Object is an S3 object whose key and bounds are decided: it has exactly what
// is owed behind Backlog.Delivered up to the position To.
type Object struct {
	Key string
	To  int64
}

// Record is one frame to be delivered.
type Record struct {
	Position int64
	Time     time.Time // when the service received the request
	Type     chat.FrameType
	JSON     []byte // the frame as clients got it
}

// ErrNotClaimed is what a Transcript answers when a reader is to be moved that
// this server may not deliver to, or not any more.
var ErrNotClaimed = errors.New("another server delivers to this reader, or may")

// Transcript is the durable record of rooms with the positions of its readers.
type Transcript interface {
	// Readers returns all that were ever owed something.
	Readers(ctx context.Context) ([]Reader, error)
	// Claim takes those of the readers that no other server has, for a few
	// seconds, and holds on to those that this one has. It returns all of them
	// that are ours, each with the time until which no other server takes it;
	// with an error too, those that are ours for the rest of their time.
	Claim(ctx context.Context, readers []int64) (map[int64]time.Time, error)
	// Release gives back what was claimed of the readers; nil is all.
	Release(ctx context.Context, readers []int64) error
	// Backlogs returns up to max rooms of which the reader is owed something
	// that is older than before, or more than size bytes; the oldest first.
	Backlogs(ctx context.Context, reader int64, before time.Time, size int64, max int) ([]Backlog, error)
	// Owed returns up to max records of the backlog's room that are meant for
	// its reader, behind the position after and up to to, in order. Fewer than
	// max are all.
	Owed(ctx context.Context, b Backlog, after, to int64, max int) ([]Record, error)
	// BeginObject makes key and bounds of an object durable. It fails when the
	// reader is not claimed.
	BeginObject(ctx context.Context, b Backlog, o Object) error
	// Advance notes that everything up to the position to was acknowledged; an
	// object is finished with it. bytes is what that was, since the time of the
	// last record. A backlog that was moved by somebody else stays as it is; it
	// is ErrNotClaimed when the reader is not ours any more.
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
	// LocalDir, when set, takes everything instead of AWS: see local.go.
	LocalDir string
	// AWS is the configuration of the AWS clients; needed without LocalDir.
	AWS aws.Config
	// Mine says whether this server should do the work that key names, when
	// several share it; exactly one should. Nil is always.
	Mine func(key string) bool
	// FlushInterval is how long records wait for others on their way to
	// CloudWatch Logs and Firehose, ObjectInterval to S3; 0 is the default.
	FlushInterval, ObjectInterval time.Duration
	Metrics                       *telemetry.Metrics
	Log                           *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service delivers. Make it with New, stop it with Close.
type Service struct {
	o       Options
	clients clients

	ctx  context.Context // ends all work
	stop context.CancelFunc
	// flush is closed when nothing shall wait for company any more.
	flush chan struct{}
	// flushes are the calls of Flush: each channel is closed when it is done.
	flushes chan chan struct{}
	// early is the time, in nanoseconds, of the last Flush: records from before it
	// do not wait for an interval.
	early atomic.Int64
	done  chan struct{} // closed when all workers have ended

	closing sync.Once
}

// New begins to deliver what the transcript has.
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
	if o.LocalDir == "" && o.AWS.Credentials == nil {
		return nil, errors.New("chat logging has neither AWS credentials nor a local directory")
	}
	s := &Service{o: o, flush: make(chan struct{}), flushes: make(chan chan struct{}), done: make(chan struct{})}
	s.clients = newClients(&s.o)
	s.ctx, s.stop = context.WithCancel(context.Background())
	go s.dispatch()
	return s, nil
}

// Flush delivers what is owed now without waiting for intervals. It returns when
// that is done, when only destinations that fail are left, or when ctx ends. The
// service continues: rooms may deliver frames meanwhile, which wait as usual.
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

// Close delivers what is owed without waiting for intervals, until ctx ends or
// only destinations that fail are left. What is not delivered then is delivered
// after the next start.
func (s *Service) Close(ctx context.Context) {
	s.closing.Do(func() { close(s.flush) })
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	s.stop()
	<-s.done
}

// pollEvery is how often the transcript is asked who is owed something. It is a
// fraction of every sensible interval.
const pollEvery = time.Second

// dispatch keeps one worker for every claimed reader that was owed something
// since it was claimed, wakes those that are owed something now, and ends with
// all of them when Close wants it.
func (s *Service) dispatch() {
	defer close(s.done)
	t := newTeam(s)
	defer t.end()
	tick := time.NewTicker(min(pollEvery, s.o.FlushInterval, s.o.ObjectInterval))
	defer tick.Stop()
	var flushed chan struct{} // of a call of Flush
	for last := false; ; {
		readers, err := s.o.Transcript.Readers(s.ctx)
		switch {
		case err == nil:
			s.measureLag(readers)
		case s.ctx.Err() == nil:
			s.o.Log.LogAttrs(s.ctx, slog.LevelError, "The readers of chat logs cannot be listed", slog.Any("error", err))
		}
		t.work(readers)
		if flushed != nil {
			t.flush(flushed)
			flushed = nil
		}
		if last || s.ctx.Err() != nil {
			break
		}
		select {
		case <-tick.C:
		case flushed = <-s.flushes:
			s.early.Store(s.o.Now().UnixNano())
		case <-s.flush:
			last = true
		case <-s.ctx.Done():
		}
	}
	// The workers finish; until then their claims are renewed.
	for finished := t.finished(); ; {
		select {
		case <-finished:
			return
		case <-tick.C:
			t.renew()
		}
	}
}

// flushing says whether the service stops.
func (s *Service) flushing() bool {
	select {
	case <-s.flush:
		return true
	default:
		return false
	}
}

// measureLag sets, for every type of destination, how old the oldest record is
// that was not delivered.
func (s *Service) measureLag(readers []Reader) {
	lag := map[chat.DestinationType]time.Duration{}
	for _, r := range readers {
		if !r.Since.IsZero() {
			lag[r.Destination.Type] = max(lag[r.Destination.Type], s.o.Now().Sub(r.Since))
		}
	}
	for _, t := range []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose} {
		s.o.Metrics.LogLag.WithLabelValues(string(t)).Set(lag[t].Seconds())
	}
}
