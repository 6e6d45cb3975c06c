package sqldb

import (
	"context"
	"database/sql"
	"sync"
)

// statements are prepared statements by their text. The store has some dozens of
// texts, so they are kept until the database is closed.
type statements map[string]*sql.Stmt

// add prepares the queries. It ignores errors, because a bad query has failed already
// when it was used.
func (s statements) add(ctx context.Context, db *sql.DB, queries []string) {
	for _, query := range queries {
		if s[query] != nil {
			continue
		}
		statement, err := db.PrepareContext(ctx, query) //nolint:sqlclosecheck // It lives as long as the database.
		if err == nil {
			s[query] = statement
		}
	}
}

// sharedStatements are statements that many goroutines use.
type sharedStatements struct {
	mu  sync.RWMutex
	all statements // guarded by mu
}

// get returns the prepared query.
func (s *sharedStatements) get(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	statement := s.all[query]
	s.mu.RUnlock()
	if statement != nil {
		return statement, nil
	}
	// This is outside of the lock, because it may wait for a connection. When two
	// goroutines prepare the same query, one statement stays unused.
	statement, err := db.PrepareContext(ctx, query) //nolint:sqlclosecheck // It lives as long as the database.
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = statements{}
	}
	s.all[query] = statement
	return statement, nil
}
