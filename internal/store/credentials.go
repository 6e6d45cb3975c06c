package store

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/policy"
	"confab/internal/sqldb"
)

// userName is IAM's rule for user names.
var userName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)

// secrets are the sealed part of credentials.
type secrets struct {
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken,omitzero"`
}

// credentialsPlace binds sealed secrets to their access key id.
func credentialsPlace(accessKeyID string) string { return "credentials " + accessKeyID }

// CreateCredentials stores credentials and their policy. It takes the access key id,
// the secret, the session token, the expiry and the principal's name from c, and
// completes the principal. A name in use is a Conflict. A bad name is Invalid, and so
// is a policy that does not parse; the error locates the mistake.
func (db *DB) CreateCredentials(ctx context.Context, c *iam.Credentials, policyJSON []byte) error {
	if c.Principal == nil || !userName.MatchString(c.Principal.Name) {
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
	var expires *int64
	if !c.Expires.IsZero() {
		at := c.Expires.UnixNano()
		expires = &at
	}
	now := db.o.Now()
	err = db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		n, err := s.Exec(ctx, `INSERT INTO credentials (access_key_id, name, sealed, expires, policy, create_time)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			c.AccessKeyID, c.Principal.Name, db.seal.seal(plain, credentialsPlace(c.AccessKeyID)), expires, string(policyJSON), now.UnixNano())
		if err == nil && n == 0 {
			return chat.Errorf(chat.Conflict, "Credentials with the name %s exist; delete them first or choose another name", c.Principal.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	c.Principal = principal(db.o.Account, c.Principal.Name, document, nil)
	if c.SessionToken != "" {
		c.Principal.TokenIssued = now
	}
	return nil
}

// principal returns the owner of credentials. The error is that of parsing the policy.
func principal(account, name string, document *policy.Document, err error) *iam.Principal {
	p := &iam.Principal{ARN: "arn:aws:iam::" + account + ":user/" + name, Name: name, Account: account}
	if err != nil {
		p.PolicyError = err
	} else {
		p.Policies = []*policy.Document{document}
	}
	return p
}

const selectCredentials = `SELECT access_key_id, name, sealed, expires, policy, create_time FROM credentials `

// credentials reads what a query selects, with the secrets if withSecrets is set.
func (db *DB) credentials(ctx context.Context, where string, args []any, withSecrets bool) ([]*iam.Credentials, error) {
	var all []*iam.Credentials
	err := db.main.Read().Rows(ctx, selectCredentials+where, args, func(scan func(...any) error) error {
		var (
			c            iam.Credentials
			name, stored string
			sealed       []byte
			expires      *int64
			created      int64
		)
		if err := scan(&c.AccessKeyID, &name, &sealed, &expires, &stored, &created); err != nil {
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
		c.Principal = principal(db.o.Account, name, document, invalid)
		if c.SessionToken != "" {
			c.Principal.TokenIssued = sqldb.Time(created)
		}
		all = append(all, &c)
		return nil
	})
	return all, err
}

// Credentials returns the credentials with that access key id, even expired ones, or
// NotFound. A policy that cannot be read is a PolicyError of the principal.
func (db *DB) Credentials(ctx context.Context, accessKeyID string) (*iam.Credentials, error) {
	all, err := db.credentials(ctx, `WHERE access_key_id = $1`, []any{accessKeyID}, true)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, chat.Errorf(chat.NotFound, "No credentials have this access key id")
	}
	return all[0], nil
}

// ListCredentials returns all credentials by name, without their secrets and
// session tokens. A policy that cannot be read is a PolicyError of its principal.
func (db *DB) ListCredentials(ctx context.Context) ([]*iam.Credentials, error) {
	return db.credentials(ctx, `ORDER BY name`, nil, false)
}

// DeleteCredentials deletes the credentials with that name, or returns NotFound.
func (db *DB) DeleteCredentials(ctx context.Context, name string) error {
	return db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		n, err := s.Exec(ctx, `DELETE FROM credentials WHERE name = $1`, name)
		if err == nil && n == 0 {
			return chat.Errorf(chat.NotFound, "No credentials have the name %s", name)
		}
		return err
	})
}
