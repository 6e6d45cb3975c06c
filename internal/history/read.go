package history

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// span is a range of positions, first included, last included.
type span struct{ first, last int64 }

// everything is the span of a whole room.
var everything = span{0, math.MaxInt64 - 1}

// The bounds of one statement that reads a room.
const (
	stepPieces  = 4
	stepBatches = 1024
)

// The levels in the rows of the statements.
const (
	levelBatch = 1
	levelPiece = 2
	levelMoved = 3
)

const readPieces = `UNION ALL SELECT 2, first, last, count, body FROM (SELECT first, last, count, body FROM history_pieces
	WHERE room_id = $5 AND first <= $2 AND first >= coalesce((SELECT max(first) FROM history_pieces WHERE room_id = $5 AND first <= $1), 0) ORDER BY first `

const readMoved = ` LIMIT $6) AS pieces UNION ALL SELECT 3, 0, last, 0, NULL FROM
	(SELECT last FROM history_pieces WHERE room_id = $5 ORDER BY first DESC LIMIT 1) AS moved`

const readBatches = `SELECT 1 AS level, number AS first, number AS last, 0 AS count, body FROM
	(SELECT number, body FROM history_batches WHERE number >= $3 AND number <= $4 ORDER BY number `

const (
	readNewest = readBatches + `DESC LIMIT $7) AS batches ` + readPieces + `DESC` + readMoved
	readOldest = readBatches + `LIMIT $7) AS batches ` + readPieces + readMoved
)

// chunk is a piece or a batch with frames of a room, not decoded yet.
type chunk struct {
	level, first, last, count int64
	body                      []byte
	of                        span // what to take of it
}

// readOnce reads chunks of a room at one end of the span, the newest or the oldest first.
// rest is what remains to be read. There may be no chunk although something remains.
//
// One statement reads both levels, so it does not matter what a compaction moves
// meanwhile. The frames in a room's pieces are before those in its batches; frames of
// batches that the pieces have, too, were moved by a compaction that has not deleted the
// batches yet.
func (db *DB) readOnce(ctx context.Context, roomID string, in span, newestFirst bool) (chunks []chunk, rest span, err error) {
	query := readOldest
	if newestFirst {
		query = readNewest
	}
	var batches, pieces []chunk
	moved := int64(-1)
	err = db.sql.Read().Rows(ctx, query,
		[]any{in.first, in.last, in.first >> indexBits, in.last >> indexBits, roomID, stepPieces, stepBatches},
		func(scan func(...any) error) error {
			var c chunk
			if err := scan(&c.level, &c.first, &c.last, &c.count, &c.body); err != nil {
				return err
			}
			switch c.level {
			case levelBatch:
				batches = append(batches, c)
			case levelPiece:
				pieces = append(pieces, c)
			case levelMoved:
				moved = c.last
			}
			return nil
		})
	if err != nil {
		return nil, in, err
	}
	byFirst := func(a, b chunk) int { return cmp.Compare(a.first, b.first) }
	slices.SortFunc(batches, byFirst)
	slices.SortFunc(pieces, byFirst)

	// read is what the rows cover completely, at one end of in.
	read := in
	if newestFirst {
		if len(batches) == stepBatches {
			read.first = max(read.first, batches[0].first<<indexBits)
		}
		if len(pieces) == stepPieces {
			read.first = max(read.first, pieces[0].first)
		}
	} else {
		if len(batches) == stepBatches {
			read.last = min(read.last, batches[len(batches)-1].first<<indexBits|(mostFrames-1))
		}
		if len(pieces) == stepPieces {
			read.last = min(read.last, pieces[len(pieces)-1].last)
		}
	}
	for i := range pieces {
		pieces[i].of = read
	}
	for i := range batches {
		batches[i].of = span{max(read.first, moved+1), read.last}
	}
	chunks = append(pieces, batches...)
	if newestFirst {
		slices.Reverse(chunks)
	}
	rest = in
	if newestFirst {
		rest.last = read.first - 1
	} else {
		rest.first = read.last + 1
	}
	return chunks, rest, nil
}

// records returns the frames of the room in the chunk.
func (db *DB) records(ctx context.Context, roomID string, c *chunk) (all []record, err error) {
	if c.level == levelBatch {
		err = decodeBatch(c.first, c.body, roomID, func(_ string, r *record) { all = append(all, *r) })
	} else {
		all, err = db.codec.decodePiece(c.body, int(c.count))
	}
	if err != nil {
		return nil, db.sql.Failed(ctx, err)
	}
	outside := func(r record) bool { return r.position < c.of.first || r.position > c.of.last }
	return slices.DeleteFunc(all, outside), nil
}

// spans returns the parts of a room, in the direction of the list, that have all frames
// with a time from start up to end, without end, that are not older than notBefore. The
// zero time is no bound. Times of a room are nearly, but not strictly, in the order of
// its frames.
func (db *DB) spans(ctx context.Context, q *Query) ([]span, error) {
	start, end, notBefore := int64(math.MinInt64), int64(math.MaxInt64), int64(math.MinInt64)
	if !q.Start.IsZero() {
		start = q.Start.UnixNano()
	}
	if !q.End.IsZero() {
		end = q.End.UnixNano()
	}
	if !q.NotBefore.IsZero() {
		notBefore = q.NotBefore.UnixNano()
	}
	if q.Start.IsZero() && q.End.IsZero() && q.NotBefore.IsZero() {
		return []span{everything}, nil
	}
	// moved is the end of the pieces. Those before valid have expired; few are left, so
	// they are looked at in their order. Pieces before from have only frames that are
	// earlier than start, and pieces after to only ones that are not before end.
	var moved int64
	var valid, from, to *int64
	_, err := db.sql.Read().Row(ctx, `SELECT
		coalesce((SELECT last FROM history_pieces WHERE room_id = $1 ORDER BY first DESC LIMIT 1), -1),
		(SELECT first FROM history_pieces WHERE room_id = $1 AND +newest >= $2 ORDER BY first LIMIT 1),
		(SELECT min(first) FROM history_pieces WHERE room_id = $1 AND newest >= $3),
		(SELECT last FROM history_pieces WHERE room_id = $1 AND first = (SELECT max(first) FROM history_pieces WHERE room_id = $1 AND oldest < $4))`,
		[]any{q.RoomID, notBefore, start, end}, &moved, &valid, &from, &to)
	if err != nil {
		return nil, err
	}
	// Batches may have any times.
	batches := span{moved + 1, everything.last}
	if valid == nil || from == nil || to == nil {
		return []span{batches}, nil
	}
	pieces := span{max(*valid, *from), *to}
	switch {
	case *to == moved:
		return []span{{pieces.first, everything.last}}, nil
	case q.NewestFirst:
		return []span{batches, pieces}, nil
	}
	return []span{pieces, batches}, nil
}
