package store

import (
	"context"
	"encoding/json"
	"fmt"

	"confab/internal/chat"
	"confab/internal/chattoken"
	"confab/internal/sqldb"
)

// Signers are the applications that sign chat tokens themselves. It implements
// chattoken.SignerStore.
type Signers struct{ db *DB }

// NewSigners returns the signers of a store.
func NewSigners(db *DB) Signers { return Signers{db} }

// signerPlace binds a sealed key to its row. The algorithm and the bounds are part of it,
// so that a row that was changed in the database cannot be opened.
func signerPlace(s *chattoken.Signer, rooms, capabilities string) string {
	return fmt.Sprintf("signer %q %s %q %q", s.Name, s.Algorithm, rooms, capabilities)
}

// Create stores a signer and sets its time. A name in use is a Conflict. A signer that
// cannot be used is Invalid.
func (s Signers) Create(ctx context.Context, signer *chattoken.Signer) error {
	if !userName.MatchString(signer.Name) || len(signer.Name) > longestUserName {
		return chat.InvalidField("name", "a name has 1 to 64 letters, digits and _+=,.@-")
	}
	if err := signer.Check(); err != nil {
		return chat.InvalidField("signer", "%s", err.Error())
	}
	rooms, err := json.Marshal(signer.Rooms)
	if err != nil {
		return err
	}
	capabilities, err := json.Marshal(signer.Capabilities)
	if err != nil {
		return err
	}
	now := s.db.o.Now()
	err = s.db.main.Update(ctx, func(ctx context.Context, session sqldb.Session) error {
		n, err := session.Exec(ctx, `INSERT INTO signers (name, algorithm, sealed, rooms, capabilities, create_time)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING`,
			signer.Name, signer.Algorithm, s.db.seal.seal(signer.Key, signerPlace(signer, string(rooms), string(capabilities))),
			string(rooms), string(capabilities), now.UnixNano())
		if err == nil && n == 0 {
			return chat.Errorf(chat.Conflict, "A signer with the name %s exists; delete it first or choose another name", signer.Name)
		}
		return err
	})
	if err == nil {
		signer.CreateTime = now
	}
	return err
}

// Signers returns all signers by name, with their keys.
func (s Signers) Signers(ctx context.Context) ([]chattoken.Signer, error) {
	var all []chattoken.Signer
	err := s.db.main.Read().Rows(ctx, `SELECT name, algorithm, sealed, rooms, capabilities, create_time FROM signers ORDER BY name`, nil,
		func(scan func(...any) error) error {
			var (
				one                 chattoken.Signer
				sealed              []byte
				rooms, capabilities string
				created             int64
			)
			if err := scan(&one.Name, &one.Algorithm, &sealed, &rooms, &capabilities, &created); err != nil {
				return err
			}
			key, err := s.db.seal.open(sealed, signerPlace(&one, rooms, capabilities))
			if err != nil {
				return fmt.Errorf("the signer %s: %w", one.Name, err)
			}
			if err := json.Unmarshal([]byte(rooms), &one.Rooms); err != nil {
				return fmt.Errorf("the signer %s: %w", one.Name, err)
			}
			if err := json.Unmarshal([]byte(capabilities), &one.Capabilities); err != nil {
				return fmt.Errorf("the signer %s: %w", one.Name, err)
			}
			one.Key, one.CreateTime = key, sqldb.Time(created)
			all = append(all, one)
			return nil
		})
	return all, err
}

// Delete deletes the signer with that name, or returns NotFound.
func (s Signers) Delete(ctx context.Context, name string) error {
	return s.db.main.Update(ctx, func(ctx context.Context, session sqldb.Session) error {
		n, err := session.Exec(ctx, `DELETE FROM signers WHERE name = $1`, name)
		if err == nil && n == 0 {
			return chat.Errorf(chat.NotFound, "No signer has the name %s", name)
		}
		return err
	})
}
