package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"confab/internal/sqldb"
)

const (
	// pieceSize is the most bytes of a piece before compression, unless one frame is
	// larger.
	pieceSize = 128 << 10
	// pieceShare is the part of the retention that one piece covers: 1/8.
	pieceShare = 8
	// compactBatches bounds the batches that are moved together, and compactSize
	// roughly their size.
	compactBatches = 2048
	compactSize    = 2 << 20
	// roomsTogether is how many rooms share a transaction. It is small because frames
	// wait for it.
	roomsTogether = 16
	// tailPieces is how many of a room's last pieces may be merged at once.
	tailPieces = 16
	// mergeFrom is how many pieces of about one size are merged.
	mergeFrom = 4
	// mergeUnit is the size of the smallest pieces. The next size is mergeFrom times
	// that, and so on.
	mergeUnit = 4 << 10
)

// Compact moves the batches that were committed before the call into pieces. It returns
// without an error when another server does this now.
func (db *DB) Compact(ctx context.Context) error {
	err := db.leased(ctx, func() error { return db.compact(ctx) })
	if errors.Is(err, errNotLeased) {
		return nil
	}
	return err
}

// compact is Compact under the lease.
func (db *DB) compact(ctx context.Context) error {
	var last int64
	if _, err := db.sql.Read().Row(ctx, `SELECT coalesce(max(number), 0) FROM history_batches`, nil, &last); err != nil {
		return err
	}
	for {
		more, err := db.compactOnce(ctx, last)
		if err != nil || !more {
			return err
		}
	}
}

// compactOnce moves some batches up to a number, and reports whether it found any.
//
// A crash between its transactions leaves batches of which some frames are in pieces
// already. Reads, and the next compaction, leave these frames out, because a room's
// pieces have all of its frames up to their last one.
func (db *DB) compactOnce(ctx context.Context, last int64) (bool, error) {
	rooms := map[string][]record{}
	var ids []string
	var numbers []int64
	size := 0
	s := db.sql.Read()
	err := s.Rows(ctx, `SELECT number, body FROM history_batches WHERE number <= $1 ORDER BY number LIMIT $2`, []any{last, compactBatches},
		func(scan func(...any) error) error {
			var number int64
			var body []byte
			if err := scan(&number, &body); err != nil {
				return err
			}
			if size > compactSize {
				return nil
			}
			size += len(body)
			numbers = append(numbers, number)
			return decodeBatch(number, body, "", func(roomID string, r *record) {
				if rooms[roomID] == nil {
					ids = append(ids, roomID)
				}
				rooms[roomID] = append(rooms[roomID], *r)
			})
		})
	if err != nil || len(numbers) == 0 {
		return false, err
	}
	slices.Sort(ids)
	for group := range slices.Chunk(ids, roomsTogether) {
		if err := db.moveRooms(ctx, group, rooms); err != nil {
			return false, err
		}
	}
	return true, db.change(ctx, func(ctx context.Context, s sqldb.Session) error {
		for _, run := range runs(numbers) {
			if _, err := s.Exec(ctx, `DELETE FROM history_batches WHERE number BETWEEN $1 AND $2`, run.first, run.last); err != nil {
				return err
			}
		}
		return nil
	})
}

// runs returns the runs of consecutive numbers. A number that is missing may be that of
// a batch that was committed after the others were read.
func runs(numbers []int64) (all []span) {
	for _, n := range numbers {
		if k := len(all); k > 0 && all[k-1].last == n-1 {
			all[k-1].last = n
		} else {
			all = append(all, span{n, n})
		}
	}
	return all
}

// piece is a piece without its body, or a new one with it.
type piece struct {
	span
	oldest, newest int64
	count, size    int64
	body           []byte
}

// move replaces the last pieces of a room by new ones.
type move struct {
	roomID string
	from   int64 // the first position of the replaced pieces
	old    int64 // how many there are
	pieces []piece
	before []piece // what stays of the room's last pieces, the last one first
	epoch  uint64  // of the last frame
	// look is when the room is to be looked at for expired pieces.
	look int64
	// known means that the room has pieces, and so is in history_rooms.
	known bool
}

// moveRooms moves the records of some rooms into their pieces, in one transaction.
func (db *DB) moveRooms(ctx context.Context, ids []string, rooms map[string][]record) error {
	var moves []move
	for _, id := range ids {
		m, err := db.plan(ctx, id, rooms[id])
		if err != nil {
			return err
		}
		if len(m.pieces) > 0 {
			moves = append(moves, m)
		}
	}
	if len(moves) == 0 {
		return nil
	}
	err := db.change(ctx, func(ctx context.Context, s sqldb.Session) error {
		for i := range moves {
			if err := moves[i].write(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range moves {
		if err != nil {
			delete(db.tails, moves[i].roomID)
			delete(db.epochs, moves[i].roomID)
			continue
		}
		tail := make([]piece, 0, tailPieces)
		for _, p := range slices.Backward(moves[i].pieces) {
			p.body = nil
			tail = append(tail, p)
		}
		db.remember(moves[i].roomID, append(tail, moves[i].before...))
		db.epochs[moves[i].roomID] = moves[i].epoch
	}
	return err
}

// plan decides which of the room's last pieces are merged with the new records, and
// encodes the result.
func (db *DB) plan(ctx context.Context, roomID string, records []record) (move, error) {
	m := move{roomID: roomID, from: math.MaxInt64}
	tail, err := db.tail(ctx, roomID)
	if err != nil {
		return m, err
	}
	if len(tail) > 0 {
		m.known = true
		records = slices.DeleteFunc(records, func(r record) bool { return r.position <= tail[0].last })
	}
	if len(records) == 0 {
		return m, nil
	}
	m.before = tail
	keep := int64(records[len(records)-1].keep)
	again, err := db.withRetries(ctx, roomID, tail, records)
	if err != nil {
		return m, err
	}
	m.epoch = records[len(records)-1].epoch
	repeats := again > 0 || records[0].epoch != m.epoch || withdraws(records)
	if n := max(len(mergeable(describe(records), tail, keep/pieceShare)), again); n > 0 {
		m.from, m.old, m.before = tail[n-1].first, int64(n), tail[n:]
		all, err := db.recordsFrom(ctx, roomID, m.from)
		if err != nil {
			return m, err
		}
		records = append(all, records...)
	}
	if repeats {
		records = withoutRepeated(records)
	}
	for len(records) > 0 {
		n := cut(records, keep/pieceShare)
		p := describe(records[:n])
		p.body = db.codec.encodePiece(records[:n])
		m.pieces = append(m.pieces, p)
		records = records[n:]
	}
	m.look = m.pieces[0].newest + min(keep, int64(lookAgain))
	return m, nil
}

// mergeable returns which of the room's last pieces, the last one first, are merged with
// a new one. Pieces are merged when there are mergeFrom of about the same size, so a frame
// is written again once for each size. longest bounds the time that the result covers.
func mergeable(sum piece, tail []piece, longest int64) []piece {
	taken := 0
	for {
		n, next := taken, sum
		for n < len(tail) && tier(tail[n].size) <= tier(sum.size) {
			p := &tail[n]
			oldest, newest := min(next.oldest, p.oldest), max(next.newest, p.newest)
			if next.size+p.size > pieceSize || newest-oldest > longest {
				break
			}
			next.oldest, next.newest, next.size = oldest, newest, next.size+p.size
			n++
		}
		if n-taken < mergeFrom-1 {
			return tail[:taken]
		}
		taken, sum = n, next
	}
}

// tier is the size class of a piece.
func tier(size int64) int {
	t := 0
	for limit := int64(mergeUnit); size > limit; limit *= mergeFrom {
		t++
	}
	return t
}

// recordsFrom returns the records in the room's pieces from the one that begins at first.
func (db *DB) recordsFrom(ctx context.Context, roomID string, first int64) (all []record, err error) {
	err = db.sql.Read().Rows(ctx, `SELECT count, body FROM history_pieces WHERE room_id = $1 AND first >= $2 ORDER BY first`, []any{roomID, first},
		func(scan func(...any) error) error {
			var count int
			var body []byte
			if err := scan(&count, &body); err != nil {
				return err
			}
			some, err := db.codec.decodePiece(body, count)
			all = append(all, some...)
			return err
		})
	return all, err
}

// describe returns the piece with the records, without its body.
func describe(records []record) piece {
	p := piece{
		span:   span{records[0].position, records[len(records)-1].position},
		oldest: math.MaxInt64, newest: math.MinInt64, count: int64(len(records)),
	}
	for i := range records {
		r := &records[i]
		p.oldest, p.newest, p.size = min(p.oldest, r.time), max(p.newest, r.time), p.size+r.size()
	}
	return p
}

// cut returns how many of the records make the next piece, at least one.
func cut(records []record, longest int64) int {
	size, oldest, newest := int64(0), int64(math.MaxInt64), int64(math.MinInt64)
	for i := range records {
		r := &records[i]
		oldest, newest, size = min(oldest, r.time), max(newest, r.time), size+r.size()
		if i > 0 && (size > pieceSize || newest-oldest > longest) {
			return i
		}
	}
	return len(records)
}

// write writes the move. The lease keeps others from changing the room's pieces; the
// count of deleted ones proves that none did.
func (m *move) write(ctx context.Context, s sqldb.Session) error {
	if m.old > 0 {
		n, err := s.Exec(ctx, `DELETE FROM history_pieces WHERE room_id = $1 AND first >= $2`, m.roomID, m.from)
		if err != nil {
			return err
		}
		if n != m.old {
			return fmt.Errorf("history: %d pieces of room %s were replaced, want %d: %w", n, m.roomID, m.old, errNotLeased)
		}
	}
	for i := range m.pieces {
		if err := m.pieces[i].insert(ctx, s, m.roomID); err != nil {
			return err
		}
	}
	if m.known {
		return nil
	}
	return lookAt(ctx, s, m.roomID, m.look)
}

func (p *piece) insert(ctx context.Context, s sqldb.Session, roomID string) error {
	_, err := s.Exec(ctx, `INSERT INTO history_pieces (room_id, first, last, oldest, newest, count, size, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		roomID, p.first, p.last, p.oldest, p.newest, p.count, p.size, p.body)
	return err
}

// tail returns the room's last pieces without their bodies, the last one first.
func (db *DB) tail(ctx context.Context, roomID string) (all []piece, err error) {
	if known, ok := db.tails[roomID]; ok {
		return known, nil
	}
	err = db.sql.Read().Rows(ctx, `SELECT first, last, oldest, newest, count, size FROM history_pieces WHERE room_id = $1 ORDER BY first DESC LIMIT $2`,
		[]any{roomID, tailPieces}, func(scan func(...any) error) error {
			var p piece
			err := scan(&p.first, &p.last, &p.oldest, &p.newest, &p.count, &p.size)
			all = append(all, p)
			return err
		})
	return all, err
}

// mostTails bounds the rooms whose last pieces are remembered between compactions.
const mostTails = 10_000

// remember notes a room's last pieces, the last one first.
func (db *DB) remember(roomID string, tail []piece) {
	if len(db.tails) >= mostTails {
		clear(db.tails)
		clear(db.epochs)
	}
	db.tails[roomID] = tail[:min(len(tail), tailPieces)]
}
