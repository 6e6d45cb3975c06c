package transcript

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/sqldb"
)

// readers knows the ids of the transcript's readers.
type readers struct {
	mu sync.Mutex
	// ids never change once given.
	ids map[readerKey]int64
	// last is the reader last found for each logging configuration. It is for frames
	// that are appended when the configuration is unreadable or was just deleted.
	last map[string]int64
}

type readerKey struct {
	configuration string
	destination   chat.Destination
}

// resolve returns the readers of the frames' logging configurations, by their present
// destinations. A configuration that does not log has no reader.
func (db *DB) resolve(ctx context.Context, frames []*chat.Frame) (map[string]int64, error) {
	found := map[string]int64{}
	for _, f := range frames {
		for _, arn := range readersOf(f) {
			if _, known := found[arn]; known {
				continue
			}
			id, err := db.resolveOne(ctx, arn)
			if err != nil {
				return nil, err
			}
			found[arn] = id
		}
	}
	return found, nil
}

// resolveWithin bounds the reading of one logging configuration.
const resolveWithin = time.Second

// resolveOne returns the reader of a logging configuration or a webhook, 0 for none.
func (db *DB) resolveOne(ctx context.Context, arn string) (int64, error) {
	if strings.Contains(arn, webhookMark) {
		return db.resolveWebhook(ctx, arn)
	}
	configuration := idOf(arn)
	within, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	c, err := db.o.Configurations.LoggingConfiguration(within, configuration)
	db.readers.mu.Lock()
	defer db.readers.mu.Unlock()
	switch {
	case err != nil:
		// The configuration was deleted since the frame was sequenced, or the
		// database is not available. The last known reader gets the frame.
		if id := db.readers.last[configuration]; id != 0 {
			return id, nil
		}
		var id int64
		known, failed := db.sql.Read().Row(ctx, `SELECT id FROM readers WHERE logging_configuration_id = $1 ORDER BY id DESC LIMIT 1`, []any{configuration}, &id)
		if failed != nil || (!known && chat.CodeOf(err) != chat.NotFound) {
			return 0, errors.Join(failed, err) // The frame stays in the spool until this succeeds.
		}
		return id, nil
	case c.State != chat.LoggingActive:
		return 0, nil
	}
	key := readerKey{configuration, c.Destination}
	id := db.readers.ids[key]
	if id == 0 {
		if id, err = db.addKnown(ctx, key); err != nil {
			return 0, err
		}
	}
	db.readers.last[configuration] = id
	return id, nil
}

// addKnown is addReader, and remembers the id. The caller holds readers.mu.
func (db *DB) addKnown(ctx context.Context, key readerKey) (int64, error) {
	id, err := db.addReader(ctx, key)
	if err != nil {
		return 0, err
	}
	if db.readers.ids == nil {
		db.readers.ids, db.readers.last = map[readerKey]int64{}, map[string]int64{}
	}
	db.readers.ids[key] = id
	return id, nil
}

// addReader returns the id of the reader. It adds a reader that does not exist.
func (db *DB) addReader(ctx context.Context, k readerKey) (id int64, err error) {
	err = db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		args := []any{k.configuration, string(k.destination.Type), k.destination.Name}
		if _, err := s.Exec(ctx, `INSERT INTO readers (logging_configuration_id, destination_type, destination_name) VALUES ($1, $2, $3)
			ON CONFLICT (logging_configuration_id, destination_type, destination_name) DO NOTHING`, args...); err != nil {
			return err
		}
		_, err := s.Row(ctx, `SELECT id FROM readers WHERE logging_configuration_id = $1 AND destination_type = $2 AND destination_name = $3`, args, &id)
		return err
	})
	return id, err
}

// readerList is the column with the readers of a frame.
func readerList(f *chat.Frame, ids map[string]int64) string {
	var readers []int64
	for _, arn := range readersOf(f) {
		if id := ids[arn]; id != 0 {
			readers = append(readers, id)
		}
	}
	return readerColumn(readers)
}

// readerColumn is that column for readers: their ids, each between spaces.
func readerColumn(ids []int64) string {
	if len(ids) == 0 {
		return ""
	}
	b := []byte{' '}
	for _, id := range ids {
		b = append(strconv.AppendInt(b, id, 10), ' ')
	}
	return string(b)
}

// Readers returns all readers of logging configurations for which a frame was ever stored.
// It implements chatlog.Transcript, as do the following methods.
func (db *DB) Readers(ctx context.Context) ([]chatlog.Reader, error) {
	return db.readersBy(ctx, loggingReader)
}

// readersBy returns the readers for which a condition holds.
func (db *DB) readersBy(ctx context.Context, condition string) ([]chatlog.Reader, error) {
	var all []chatlog.Reader
	err := db.sql.Read().Rows(ctx, `SELECT r.id, r.logging_configuration_id, r.destination_type, r.destination_name,
			(SELECT min(b.since) FROM backlogs b WHERE b.reader_id = r.id AND b.delivered < b.head)
		FROM readers r WHERE `+condition+` ORDER BY r.id`, nil, func(scan func(...any) error) error {
		r := chatlog.Reader{}
		var id string
		var since *int64
		if err := scan(&r.ID, &id, &r.Destination.Type, &r.Destination.Name, &since); err != nil {
			return err
		}
		r.Configuration = chat.ARN{Region: db.o.Region, Account: db.o.Account, Type: chat.LoggingConfigurationResource, ID: id}
		if r.Destination.Type == webhookReader {
			r.Configuration.Type = chat.WebhookResource
		}
		if since != nil {
			r.Since = sqldb.Time(*since)
		}
		all = append(all, r)
		return nil
	})
	return all, err
}
