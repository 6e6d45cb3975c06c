package history

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// A home stores a frame before it publishes it. If it is killed or suspended in between, the
// room's next home gets the request again, under the same id. It publishes a frame in a later
// epoch, or refuses the request. Then it withdraws, as the first home does when it continues, what
// was stored and not delivered. So of the records with one id only that with the highest place
// counts, and a withdrawal counts as nothing. A withdrawal has the place up to which it takes
// records back. It stays in the pieces, since those that it took back may be all that is replaced
// there.

// retryTime is longer than the time between two frames with one id.
const retryTime = time.Minute

// rank decides which of the records with one id counts: the highest.
type rank struct {
	epoch, sequence uint64
	withdraws       bool
	position        int64
}

func (r *record) rank() rank { return rank{r.epoch, r.sequence, r.action == withdrawal, r.position} }

func (a rank) above(b rank) bool {
	if c := cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.sequence, b.sequence)); c != 0 {
		return c > 0
	}
	return a.withdraws && !b.withdraws || a.withdraws == b.withdraws && a.position > b.position
}

// ranks has the highest rank of each id.
type ranks map[string]rank

func ranksOf(records []record) ranks {
	all := make(ranks, len(records))
	for i := range records {
		r := &records[i]
		if known, ok := all[r.id]; !ok || r.rank().above(known) {
			all[r.id] = r.rank()
		}
	}
	return all
}

// filter removes the records that do not count.
func (all ranks) filter(records []record) []record {
	return slices.DeleteFunc(records, func(r record) bool {
		highest, ok := all[r.id]
		return ok && r.id != "" && highest.above(r.rank())
	})
}

// withoutRepeated removes the records that do not count.
func withoutRepeated(records []record) []record { return ranksOf(records).filter(records) }

// withdraws reports whether there is a withdrawal among the records.
func withdraws(records []record) bool {
	return slices.ContainsFunc(records, func(r record) bool { return r.action == withdrawal })
}

// withRetries returns how many of the room's last pieces may have frames that the new records
// repeat or withdraw. That is none, unless the room's home has changed.
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
	if epoch == records[len(records)-1].epoch && !withdraws(records) {
		return 0, nil
	}
	n, oldest := 0, describe(records).oldest
	for n < len(tail) && tail[n].newest >= oldest-int64(retryTime) {
		n++
	}
	return n, nil
}

// unmoved are the records of a room that are still in batches. They may repeat others.
type unmoved struct {
	records   []record // in order
	ranks     ranks
	withdraws bool
}

// filter removes the records that do not count, because of records in batches.
func (u *unmoved) filter(records []record) []record {
	n := len(u.records)
	if n == 0 || len(records) == 0 || records[0].epoch == u.records[n-1].epoch && !u.withdraws ||
		records[len(records)-1].time < u.records[0].time-int64(retryTime) {
		return records
	}
	if u.ranks == nil {
		u.ranks = ranksOf(u.records)
	}
	return u.ranks.filter(records)
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
		u.withdraws = u.withdraws || withdraws(records)
		u.ranks = nil
	}
	slices.SortFunc(u.records, func(a, b record) int { return cmp.Compare(a.position, b.position) })
	return nil
}
