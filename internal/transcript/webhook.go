package transcript

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/sqldb"
)

// webhookReader is the type of the destination of a webhook's reader, which has no name.
const webhookReader chat.DestinationType = "webhook"

const webhookMark = ":" + string(chat.WebhookResource) + "/"

// Webhooks says which webhooks get events: *webhook.Hooks.
type Webhooks interface {
	// Keeps reports whether events are kept for a webhook. They are not if it is paused or
	// deleted.
	Keeps(ctx context.Context, id string) (bool, error)
	// Resets reports whether a webhook wants the event presence.reset.
	Resets(ctx context.Context, id string) (bool, error)
}

const (
	// DefaultWebhookRetention is that of Options.
	DefaultWebhookRetention = 24 * time.Hour
	// webhookBytes is the most that is kept for one webhook, in bytes of frames.
	webhookBytes = 256 << 20
)

// readersOf returns the ARNs of the logging configurations and webhooks that are owed the
// frame.
func readersOf(f *chat.Frame) []string {
	if len(f.Webhooks) == 0 {
		return f.LoggingConfigurations
	}
	return slices.Concat(f.LoggingConfigurations, f.Webhooks)
}

// resolveWebhook returns the reader of a webhook. Whether the webhook wants the frame was
// decided when the frame got its place.
func (db *DB) resolveWebhook(ctx context.Context, arn string) (id int64, err error) {
	key := readerKey{configuration: idOf(arn), destination: chat.Destination{Type: webhookReader}}
	db.readers.mu.Lock()
	defer db.readers.mu.Unlock()
	if id = db.readers.ids[key]; id != 0 {
		return id, nil
	}
	return db.addKnown(ctx, key)
}

func idOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// Insert stores frames for their readers, after those that were appended. It returns when
// they are durable. After an error they may be stored nevertheless.
func (db *DB) Insert(ctx context.Context, frames []*chat.Frame) error {
	db.await(ctx, "")
	ids, err := db.resolve(ctx, frames)
	if err != nil {
		return err
	}
	return db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		if err := s.LockKeys(ctx, roomsOf(frames)); err != nil {
			return err
		}
		return writeLogged(ctx, s, frames, ids)
	})
}

// WebhookReaders has the readers that are webhooks. It implements chatlog.Transcript, as DB
// does for logging configurations.
type WebhookReaders struct{ *DB }

// Readers returns the readers of all webhooks that were ever owed an event.
func (w WebhookReaders) Readers(ctx context.Context) ([]chatlog.Reader, error) {
	return w.readersBy(ctx, `destination_type = `+webhookLiteral)
}

// Release releases the claims of the readers; nil is all of webhooks.
func (w WebhookReaders) Release(ctx context.Context, readers []int64) error {
	return w.release(ctx, readers, `destination_type = `+webhookLiteral)
}

const (
	webhookLiteral = `'` + string(webhookReader) + `'`
	loggingReader  = `destination_type <> ` + webhookLiteral
)

// dropEvents removes from the backlogs of webhooks what is older than expired, what is more
// than webhookBytes, and everything of those that keep nothing.
func (db pruner) dropEvents(ctx context.Context, expired time.Time) error {
	readers, err := WebhookReaders(db).Readers(ctx)
	if err != nil {
		return err
	}
	for _, r := range readers {
		if r.Since.IsZero() {
			continue
		}
		keeps, err := db.o.Webhooks.Keeps(ctx, r.Configuration.ID)
		if err != nil {
			return err
		}
		if !keeps {
			if _, err := db.dropUpTo(ctx, r.ID, math.MaxInt64); err != nil {
				return err
			}
			continue
		}
		dropped := 0
		if r.Since.Before(expired) {
			if dropped, err = db.dropReader(ctx, r.ID, expired); err != nil {
				return err
			}
		}
		more, err := db.dropAbove(ctx, r.ID, webhookBytes)
		if err != nil {
			return err
		}
		if dropped += more; dropped > 0 {
			db.o.Metrics.EventsDropped.WithLabelValues(r.Configuration.ID).Add(float64(dropped))
			db.o.Log.LogAttrs(ctx, slog.LevelError, "Events of a webhook dropped: its endpoint did not accept them in time",
				slog.String("webhook", r.Configuration.ID), slog.Int("events", dropped), slog.String("retention", db.o.WebhookRetention.String()))
		}
	}
	return nil
}

// dropAbove drops the oldest records of the reader, so that at most size bytes are left.
func (db pruner) dropAbove(ctx context.Context, reader, size int64) (dropped int, err error) {
	var owed *int64
	if _, err := db.sql.Read().Row(ctx, `SELECT CAST(sum(bytes) AS BIGINT) FROM backlogs WHERE reader_id = $1 AND delivered < head`, []any{reader}, &owed); err != nil || owed == nil || *owed <= size {
		return 0, err
	}
	const page = 1000
	for at := int64(math.MaxInt64); ; {
		n := 0
		cut := int64(0)
		err := db.sql.Read().Rows(ctx, `SELECT position, length(json) FROM transcript WHERE position < $1 AND readers LIKE $2 ORDER BY position DESC LIMIT $3`,
			[]any{at, readerPattern(reader), page}, func(scan func(...any) error) error {
				var bytes int64
				if err := scan(&at, &bytes); err != nil {
					return err
				}
				n++
				if size -= bytes; size < 0 && cut == 0 {
					cut = at
				}
				return nil
			})
		if err != nil || cut == 0 && n < page {
			return 0, err
		}
		if cut > 0 {
			return db.dropUpTo(ctx, reader, cut)
		}
	}
}

// dropUpTo drops the records of the reader up to a position. It returns how many these were.
func (db pruner) dropUpTo(ctx context.Context, reader, position int64) (dropped int, err error) {
	const page = 100
	for after := ""; ; {
		var rooms []agedBacklog
		err := db.sql.Read().Rows(ctx, `SELECT room_id, delivered, head FROM backlogs WHERE reader_id = $1 AND delivered < head AND room_id > $2 ORDER BY room_id LIMIT $3`,
			[]any{reader, after, page}, func(scan func(...any) error) error {
				var a agedBacklog
				err := scan(&a.room, &a.delivered, &a.head)
				rooms = append(rooms, a)
				return err
			})
		if err != nil {
			return dropped, err
		}
		for _, a := range rooms {
			to := min(a.head, position)
			if to <= a.delivered {
				continue
			}
			n := 0
			err := db.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
				var size int64
				if _, err := s.Row(ctx, `SELECT count(*), CAST(coalesce(sum(length(json)), 0) AS BIGINT) FROM transcript
					WHERE room_id = $1 AND position > $2 AND position <= $3 AND readers LIKE $4`,
					[]any{a.room, a.delivered, to, readerPattern(reader)}, &n, &size); err != nil {
					return err
				}
				moved, err := s.Exec(ctx, `UPDATE backlogs SET delivered = $4, bytes = CASE WHEN bytes < $5 OR head = $4 THEN 0 ELSE bytes - $5 END
					WHERE reader_id = $1 AND room_id = $2 AND delivered = $3`, reader, a.room, a.delivered, to, size)
				if moved == 0 {
					n = 0 // They were delivered meanwhile.
				}
				return err
			})
			if err != nil {
				return dropped, err
			}
			dropped += n
		}
		if len(rooms) < page {
			return dropped, nil
		}
		after = rooms[len(rooms)-1].room
	}
}
