package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/policy"
	"confab/internal/sqldb"
)

// userName is IAM's rule for user names, of at most longestUserName characters. A length in
// the expression would cost every start of the program.
var userName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]+$`)

const longestUserName = 64

// secrets are the sealed part of credentials.
type secrets struct {
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken,omitzero"`
}

// credentialsPlace binds sealed secrets to their access key id.
func credentialsPlace(accessKeyID string) string { return "credentials " + accessKeyID }

// CreateCredentials stores credentials and their policy. It takes the access key id, the
// secret, the session token, the expiry and the principal's name from c, and completes the
// principal. A name in use is a Conflict. A bad name is Invalid, and so is a policy that
// does not parse; the error locates the mistake.
//
// If the principal has a Maker that is not the root, the credentials are bounded: they
// expire no later than those of the maker, and are deleted with them. A maker that was
// deleted is AccessDenied.
func (db *DB) CreateCredentials(ctx context.Context, c *iam.Credentials, policyJSON []byte) error {
	if c.Principal == nil || !userName.MatchString(c.Principal.Name) || len(c.Principal.Name) > longestUserName {
		return chat.InvalidField("name", "a name has 1 to 64 letters, digits and _+=,.@-")
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return chat.InvalidField("accessKeyId", "an access key id and a secret access key are needed")
	}
	document, err := policy.Parse(policyJSON)
	if err != nil {
		return chat.InvalidField("policy", "%s", err.Error())
	}
	plain, err := json.Marshal(secrets{c.SecretAccessKey, c.SessionToken}) //nolint:gosec // It is sealed before it goes anywhere.
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	maker := ""
	if m := c.Principal.Maker; m != nil && !m.Root {
		maker = m.AccessKeyID
		if !m.Expires.IsZero() && (c.Expires.IsZero() || m.Expires.Before(c.Expires)) {
			c.Expires = m.Expires
		}
	}
	var expires *int64
	if !c.Expires.IsZero() {
		at := c.Expires.UnixNano()
		expires = &at
	}
	now := db.o.Now()
	err = db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		if maker != "" {
			var one int
			if found, err := s.Row(ctx, `SELECT 1 FROM credentials WHERE access_key_id = $1`, []any{maker}, &one); err != nil || !found {
				return errors.Join(err, chat.Errorf(chat.AccessDenied, "The credentials of the caller were deleted"))
			}
		}
		n, err := s.Exec(ctx, `INSERT INTO credentials (access_key_id, name, sealed, expires, policy, create_time, maker)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			c.AccessKeyID, c.Principal.Name, db.seal.seal(plain, credentialsPlace(c.AccessKeyID)), expires, string(policyJSON), now.UnixNano(), maker)
		if err == nil && n == 0 {
			return &chat.Error{
				Code: chat.Conflict, Resource: chat.ARN{Type: chat.CredentialsResource, ID: c.Principal.Name},
				Message: fmt.Sprintf("Credentials with the name %s exist; delete them first or choose another name", c.Principal.Name),
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	c.CreateTime = now
	made := c.Principal.Maker
	c.Principal = principal(db.o.Account, c, c.Principal.Name, document, nil)
	if maker != "" {
		c.Principal.Maker = made
	}
	if c.SessionToken != "" {
		c.Principal.TokenIssued = now
	}
	return nil
}

// principal returns the owner of credentials. The error is that of parsing the policy.
func principal(account string, c *iam.Credentials, name string, document *policy.Document, err error) *iam.Principal {
	p := &iam.Principal{
		ARN: "arn:aws:iam::" + account + ":user/" + name, Name: name, Account: account,
		AccessKeyID: c.AccessKeyID, Expires: c.Expires,
	}
	if err != nil {
		p.PolicyError = err
	} else {
		p.Policies = []*policy.Document{document}
	}
	return p
}

const selectCredentials = `SELECT access_key_id, name, sealed, expires, policy, create_time, maker FROM credentials `

// credentials reads what a query selects, with the secrets if withSecrets is set, and the
// access key ids of their makers.
func (db *DB) credentials(ctx context.Context, where string, args []any, withSecrets bool) (all []*iam.Credentials, makers []string, err error) {
	err = db.main.Read().Rows(ctx, selectCredentials+where, args, func(scan func(...any) error) error {
		var (
			c            iam.Credentials
			name, stored string
			maker        string
			sealed       []byte
			expires      *int64
			created      int64
		)
		if err := scan(&c.AccessKeyID, &name, &sealed, &expires, &stored, &created, &maker); err != nil {
			return err
		}
		// A release may refuse what an older one stored. That must not hurt the other
		// credentials.
		document, invalid := policy.Parse([]byte(stored))
		if withSecrets {
			plain, err := db.seal.open(sealed, credentialsPlace(c.AccessKeyID))
			if err != nil {
				return fmt.Errorf("the credentials of %s: %w", name, err)
			}
			var secret secrets
			if err := json.Unmarshal(plain, &secret); err != nil {
				return fmt.Errorf("the credentials of %s: %w", name, err)
			}
			c.SecretAccessKey, c.SessionToken = secret.SecretAccessKey, secret.SessionToken
		}
		if expires != nil {
			c.Expires = sqldb.Time(*expires)
		}
		c.CreateTime = sqldb.Time(created)
		c.Principal = principal(db.o.Account, &c, name, document, invalid)
		if c.SessionToken != "" {
			c.Principal.TokenIssued = sqldb.Time(created)
		}
		all, makers = append(all, &c), append(makers, maker)
		return nil
	})
	return all, makers, err
}

// Credentials returns the credentials with that access key id, even expired ones, with
// their makers, or NotFound. Credentials whose maker is gone do not exist. A policy that
// cannot be read is a PolicyError of the principal.
func (db *DB) Credentials(ctx context.Context, accessKeyID string) (*iam.Credentials, error) {
	var c *iam.Credentials
	for last := (**iam.Principal)(nil); accessKeyID != ""; {
		all, makers, err := db.credentials(ctx, `WHERE access_key_id = $1`, []any{accessKeyID}, true)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, chat.Errorf(chat.NotFound, "No credentials have this access key id")
		}
		if c == nil {
			c = all[0]
		} else {
			*last = all[0].Principal
		}
		last, accessKeyID = &all[0].Principal.Maker, makers[0]
	}
	if c == nil {
		return nil, chat.Errorf(chat.NotFound, "No credentials have this access key id")
	}
	return c, nil
}

// ListCredentials returns all credentials by name, with their makers, without their
// secrets and session tokens. A policy that cannot be read is a PolicyError of its
// principal.
func (db *DB) ListCredentials(ctx context.Context) ([]*iam.Credentials, error) {
	all, makers, err := db.credentials(ctx, `ORDER BY name`, nil, false)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]*iam.Principal, len(all))
	for _, c := range all {
		byKey[c.AccessKeyID] = c.Principal
	}
	for i, c := range all {
		c.Principal.Maker = byKey[makers[i]]
	}
	return all, nil
}

// DeleteCredentials deletes the credentials with that name, or returns NotFound. If an
// access key id is given, the credentials must have it. Credentials that were created with
// them are deleted as well.
func (db *DB) DeleteCredentials(ctx context.Context, name, accessKeyID string) error {
	return db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		n, err := s.Exec(ctx, `WITH RECURSIVE gone (id) AS (
				SELECT access_key_id FROM credentials WHERE name = $1 AND ($2 = '' OR access_key_id = $2)
				UNION SELECT c.access_key_id FROM credentials c JOIN gone ON c.maker = gone.id)
			DELETE FROM credentials WHERE access_key_id IN (SELECT id FROM gone)`, name, accessKeyID)
		if err == nil && n == 0 {
			return chat.Errorf(chat.NotFound, "No credentials have the name %s", name)
		}
		return err
	})
}
