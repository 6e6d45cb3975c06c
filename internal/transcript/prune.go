package transcript

import (
	"context"
	"log/slog"
	"math"
	"time"

	"confab/internal/sqldb"
)

// Prune deletes, in small transactions, the records that were delivered to all their
// readers. Records older than the retention are dropped even if they were not delivered;
// they are counted and logged.
func (db *DB) Prune(ctx context.Context) error { return pruner{db}.prune(ctx) }

// pruner deletes what need not be kept.
type pruner struct{ *DB }

func (db pruner) prune(ctx context.Context) error {
	db.Settle(ctx) // A webhook that is paused now gets nothing of what was delivered before.
	now, err := db.sql.Now(ctx)
	if err != nil {
		return err
	}
	expired := now.Add(-db.o.Retention)
	if err := db.dropOwed(ctx, expired); err != nil {
		return err
	}
	if err := db.dropEvents(ctx, now.Add(-db.o.WebhookRetention)); err != nil {
		return err
	}
	if err := db.pruneDelivered(ctx); err != nil {
		return err
	}
	// Records are nearly ordered by time, so the oldest come first, and no index over
	// the times is needed. Records that dropOwed left belong to an object that was
	// begun. They are deleted with the rest of it.
	err = db.sql.DeleteBefore(ctx, `DELETE FROM transcript WHERE position IN (SELECT position FROM
		(SELECT position, time, room_id FROM transcript ORDER BY position LIMIT $2) AS oldest WHERE time < $1
		AND NOT EXISTS (SELECT 1 FROM backlogs b WHERE b.room_id = oldest.room_id AND b.delivered < oldest.position AND oldest.position <= b.head))`, expired)
	if err != nil {
		return err
	}
	if err := db.pruneErasures(ctx, now.Add(-erasureKept)); err != nil {
		return err
	}
	return db.sql.DeleteBefore(ctx, `DELETE FROM writers WHERE owner IN (SELECT owner FROM writers WHERE time < $1 LIMIT $2)`, now.Add(-writerKept))
}

// dropOwed removes from every backlog what is older than expired. An object that was
// begun is dropped as a whole, when its last record has expired. Written again with
// fewer records, it would replace the complete one.
func (db pruner) dropOwed(ctx context.Context, expired time.Time) error {
	readers, err := db.Readers(ctx)
	if err != nil {
		return err
	}
	for _, r := range readers {
		if r.Since.IsZero() || !r.Since.Before(expired) {
			continue
		}
		dropped, err := db.dropReader(ctx, r.ID, expired)
		if dropped > 0 {
			db.o.Metrics.RecordsDropped.WithLabelValues(r.Configuration.String()).Add(float64(dropped))
			db.o.Log.LogAttrs(ctx, slog.LevelError, "Chat log records dropped: their destination did not accept them within the retention",
				slog.String("logging_configuration", r.Configuration.String()), slog.String("destination", r.Destination.Name),
				slog.Int("records", dropped), slog.String("retention", db.o.Retention.String()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// agedBacklog is a backlog that may have expired records.
type agedBacklog struct {
	room            string
	delivered, head int64
	since           int64
	objectTo        *int64
}

// dropReader is dropOwed for one reader. It returns how many owed records were
// dropped.
func (db pruner) dropReader(ctx context.Context, reader int64, expired time.Time) (dropped int, err error) {
	const page = 100
	after := agedBacklog{since: math.MinInt64}
	for {
		var aged []agedBacklog
		err := db.sql.Read().Rows(ctx, `SELECT room_id, delivered, head, since, object_to FROM backlogs
			WHERE reader_id = $1 AND delivered < head AND since < $2 AND (since, room_id) > ($3, $4) ORDER BY since, room_id LIMIT $5`,
			[]any{reader, expired.UnixNano(), after.since, after.room, page}, func(scan func(...any) error) error {
				var a agedBacklog
				err := scan(&a.room, &a.delivered, &a.head, &a.since, &a.objectTo)
				aged = append(aged, a)
				return err
			})
		if err != nil {
			return dropped, err
		}
		for _, a := range aged {
			n, err := db.dropBacklog(ctx, reader, a, expired)
			dropped += n
			if err != nil {
				return dropped, err
			}
		}
		if len(aged) < page {
			return dropped, nil
		}
		after = aged[len(aged)-1]
	}
}

func (db pruner) dropBacklog(ctx context.Context, reader int64, a agedBacklog, expired time.Time) (dropped int, err error) {
	err = db.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		dropped = 0
		var last *int64
		if _, err := s.Row(ctx, `SELECT max(position) FROM transcript WHERE room_id = $1 AND position > $2 AND position <= $3 AND time < $4`,
			[]any{a.room, a.delivered, a.head, expired.UnixNano()}, &last); err != nil {
			return err
		}
		to := a.delivered
		if last != nil && (a.objectTo == nil || *last >= *a.objectTo) {
			to = *last
		}
		if last == nil {
			// since is older than all that is left. If nothing is left, the backlog
			// is done.
			var some int64
			left, err := s.Row(ctx, `SELECT position FROM transcript WHERE room_id = $1 AND position > $2 AND position <= $3 LIMIT 1`,
				[]any{a.room, a.delivered, a.head}, &some)
			if err != nil {
				return err
			}
			if !left {
				to = a.head
			}
		}
		if last != nil && to == a.delivered {
			return nil // Part of the object has not expired.
		}
		if _, err := s.Row(ctx, `SELECT count(*) FROM transcript WHERE room_id = $1 AND position > $2 AND position <= $3 AND readers LIKE $4`,
			[]any{a.room, a.delivered, to, readerPattern(reader)}, &dropped); err != nil {
			return err
		}
		if to == a.delivered {
			_, err := s.Exec(ctx, `UPDATE backlogs SET since = $4 WHERE reader_id = $1 AND room_id = $2 AND delivered = $3`,
				reader, a.room, a.delivered, expired.UnixNano())
			return err
		}
		n, err := s.Exec(ctx, `UPDATE backlogs SET delivered = $4, object_key = NULL, object_to = NULL, since = $5
			WHERE reader_id = $1 AND room_id = $2 AND delivered = $3`, reader, a.room, a.delivered, to, expired.UnixNano())
		if n == 0 {
			dropped = 0 // They were delivered meanwhile.
		}
		return err
	})
	return dropped, err
}

// pruneDelivered deletes the records that all readers of their room have, and the
// backlogs of rooms without undelivered records.
func (db pruner) pruneDelivered(ctx context.Context) error {
	const page = 64
	for after := ""; ; {
		type room struct {
			id string
			to int64 // everything up to here was delivered
		}
		var rooms []room
		err := db.sql.Read().Rows(ctx, `SELECT room_id, coalesce(min(CASE WHEN delivered < head THEN delivered END), max(head))
			FROM backlogs WHERE room_id > $1 GROUP BY room_id ORDER BY room_id LIMIT $2`, []any{after, page}, func(scan func(...any) error) error {
			var r room
			err := scan(&r.id, &r.to)
			rooms = append(rooms, r)
			return err
		})
		if err != nil {
			return err
		}
		for rest := rooms; len(rest) > 0; {
			err := db.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
				for left := int64(sqldb.DeleteRows); len(rest) > 0 && left > 0; {
					r := rest[0]
					n, err := s.Exec(ctx, `DELETE FROM transcript WHERE position IN
						(SELECT position FROM transcript WHERE room_id = $1 AND position <= $2 ORDER BY position LIMIT $3)`, r.id, r.to, left)
					if err != nil {
						return err
					}
					if left -= n; left == 0 {
						return nil
					}
					if _, err := s.Exec(ctx, `DELETE FROM backlogs WHERE room_id = $1 AND delivered = head AND head <= $2`, r.id, r.to); err != nil {
						return err
					}
					rest = rest[1:]
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if len(rooms) < page {
			return nil
		}
		after = rooms[len(rooms)-1].id
	}
}
