package history

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// A home stores a frame before it publishes it. If it is killed in between, the room's next
// home gets the request again, under the same id, and stores and publishes its frame in a
// later epoch. The first frame was never delivered: only the last one with an id counts.

// retryTime is longer than the time between two frames with one id.
const retryTime = time.Minute

// withoutRepeated removes each message that has a later record with the same id.
func withoutRepeated(records []record) []record {
	last := lastOf(records)
	return slices.DeleteFunc(records, func(r record) bool { return !r.event && last[r.id] > r.position })
}

// lastOf returns the position of the last message with each id.
func lastOf(records []record) map[string]int64 {
	last := make(map[string]int64, len(records))
	for i := range records {
		if r := &records[i]; !r.event {
			last[r.id] = r.position
		}
	}
	return last
}

// withRetries returns how many of the room's last pieces may have frames that the new
// records repeat. That is none, unless the room's home has changed.
func (db *DB) withRetries(ctx context.Context, roomID string, tail []piece, records []record) (int, error) {
	if len(tail) == 0 {
		return 0, nil
	}
	epoch, known := db.epochs[roomID]
	if !known {
		before, err := db.recordsFrom(ctx, roomID, tail[0].first)
		if err != nil {
			return 0, err
		}
		if len(before) > 0 {
			epoch = before[len(before)-1].epoch
		}
	}
	if epoch == records[len(records)-1].epoch {
		return 0, nil
	}
	n := 0
	for n < len(tail) && tail[n].newest >= records[0].time-int64(retryTime) {
		n++
	}
	return n, nil
}

// unmoved are the records of a room that are still in batches. They may repeat others.
type unmoved struct {
	records []record // in order
	last    map[string]int64
}

// filter removes the records that are repeated in batches.
func (u *unmoved) filter(records []record) []record {
	n := len(u.records)
	if n == 0 || len(records) == 0 || records[0].epoch == u.records[n-1].epoch ||
		records[len(records)-1].time < u.records[0].time-int64(retryTime) {
		return records
	}
	if u.last == nil {
		u.last = lastOf(u.records)
	}
	return slices.DeleteFunc(records, func(r record) bool { return !r.event && u.last[r.id] > r.position })
}

// add adds the records of the chunks that are batches.
func (u *unmoved) add(ctx context.Context, db *DB, roomID string, chunks []chunk) error {
	for i := range chunks {
		if chunks[i].level != levelBatch {
			continue
		}
		records, err := db.records(ctx, roomID, &chunks[i])
		if err != nil {
			return err
		}
		u.records = append(u.records, records...)
		u.last = nil
	}
	slices.SortFunc(u.records, func(a, b record) int { return cmp.Compare(a.position, b.position) })
	return nil
}
