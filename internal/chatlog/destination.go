package chatlog

import (
	"context"
	"time"

	"confab/internal/background"
)

// destination accepts records. Its methods are called from several goroutines.
type destination interface {
	// limits returns the limits of one call.
	limits() limits
	// deliver writes the parcels in one call to the destination, or in as few as
	// possible. It returns nil when everything was acknowledged or refused for good.
	// With an error it has still marked what was accepted.
	deliver(ctx context.Context, parcels []*parcel) error
}

// limits are the limits of one call. Sizes are in bytes.
type limits struct {
	records  int           // records of all parcels; 0 is no limit
	size     int           // of all parcels
	overhead int           // added by the destination for each record
	record   int           // of one record; larger ones cannot be delivered; 0 is no limit
	span     time.Duration // between the times of two records; 0 is no limit
	rooms    int           // parcels
	objects  bool          // a parcel is an object, with key and bounds made durable before
	calls    int           // concurrent calls
}

// parcel is some records of one room for one destination.
type parcel struct {
	backlog Backlog
	records []Record
	// to is the position up to which nothing is owed once the records are delivered.
	to int64
	// size is as the destination counts it, frames as the transcript does.
	size, frames int
	// tooLarge counts records that no call can hold.
	tooLarge int
	// key is the key of the object, for destinations that have objects.
	key string
	// settled has the records that must not be sent again, by position: true for
	// accepted, false for refused for good. It outlives the parcel while its room backs
	// off, so that records accepted in part of a call are not sent twice.
	settled map[int64]bool
}

// settle marks the record as accepted, or as refused for good.
func (p *parcel) settle(position int64, accepted bool) {
	if p.settled == nil {
		p.settled = map[int64]bool{}
	}
	p.settled[position] = accepted
}

// open returns the records that are not settled.
func (p *parcel) open() []Record {
	if len(p.settled) == 0 {
		return p.records
	}
	var left []Record
	for _, r := range p.records {
		if _, settled := p.settled[r.Position]; !settled {
			left = append(left, r)
		}
	}
	return left
}

// refused counts the records that were refused for good.
func (p *parcel) refused() int {
	n := 0
	for _, r := range p.records {
		if accepted, settled := p.settled[r.Position]; settled && !accepted {
			n++
		}
	}
	return n
}

// last returns the time of the last record.
func (p *parcel) last() time.Time { return p.records[len(p.records)-1].Time }

// pageRecords is how many records are read at a time: about a millisecond's work.
const pageRecords = 256

// load reads a parcel from the backlog, as much as one call may hold. An object that
// was begun is read with its fixed bounds, whatever the limits are.
func load(ctx context.Context, t Transcript, b Backlog, l limits) (*parcel, error) {
	end := b.Head
	if b.Object != nil {
		end = b.Object.To
		l.records, l.size, l.span = 0, 0, 0
	}
	p := &parcel{backlog: b, to: b.Delivered}
	if b.Object != nil {
		p.key = b.Object.Key
	}
	// One record more than a call may hold shows that there are more.
	most := pageRecords
	if l.records > 0 {
		most = min(most, l.records+1)
	}
	var first, last time.Time
	for {
		page, err := t.Owed(ctx, b, p.to, end, most)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			size := recordOverhead + len(r.JSON) + l.overhead
			if l.record > 0 && size > l.record {
				p.tooLarge++
				p.to = r.Position
				continue
			}
			if len(p.records) == 0 || r.Time.Before(first) {
				first = r.Time
			}
			if len(p.records) == 0 || r.Time.After(last) {
				last = r.Time
			}
			if len(p.records) > 0 && (l.records > 0 && len(p.records) == l.records ||
				l.size > 0 && p.size+size > l.size ||
				l.span > 0 && last.Sub(first) > l.span) {
				return p, nil
			}
			p.records = append(p.records, r)
			p.size += size
			p.frames += len(r.JSON)
			p.to = r.Position
		}
		if len(page) < most {
			p.to = end
			return p, nil
		}
		background.Yield()
	}
}

// newDestination returns the destination that delivers for r.
func (s *Service) newDestination(r Reader) destination {
	if s.o.Deliver != nil {
		return &function{s.o.Deliver, r}
	}
	return s.clients.destination(&s.o, r.Destination)
}

// function is a destination that Options.Deliver is.
type function struct {
	call   func(ctx context.Context, r Reader, roomID string, records []Record) error
	reader Reader
}

const (
	maxDelivered     = 100
	maxDeliveredSize = 1 << 20
)

func (f *function) limits() limits {
	return limits{records: maxDelivered, size: maxDeliveredSize, rooms: 1, calls: 4}
}

func (f *function) deliver(ctx context.Context, parcels []*parcel) error {
	for _, p := range parcels {
		if err := f.call(ctx, f.reader, p.backlog.RoomID, p.open()); err != nil {
			return err
		}
	}
	return nil
}
