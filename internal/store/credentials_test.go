package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/store"
)

var _ iam.CredentialsStore = (*store.DB)(nil)

const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ivschat:*","Resource":"*"}]}`

func credentials(name string) *iam.Credentials {
	id := "AKCF" + chat.NewID()
	return &iam.Credentials{AccessKeyID: id, SecretAccessKey: "the secret of " + id, Principal: &iam.Principal{Name: name}}
}

// withoutPolicies compares credentials but for the parsed policies.
var withoutPolicies = cmpopts.IgnoreFields(iam.Principal{}, "Policies")

func TestCredentials(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)

		t.Run("come back as they were given, with their principal", func(t *testing.T) {
			temporary := credentials("session@example.com")
			temporary.SessionToken, temporary.Expires = "a session token", time.Unix(1_900_000_000, 5).UTC()
			for _, c := range []*iam.Credentials{credentials("moderator"), temporary} {
				secret, name := c.SecretAccessKey, c.Principal.Name
				if err := db.CreateCredentials(t.Context(), c, []byte(allowAll)); err != nil {
					t.Fatal(err)
				}
				got := must(db.Credentials(t.Context(), c.AccessKeyID))(t)
				if diff := cmp.Diff(c, got, withoutPolicies); diff != "" {
					t.Errorf("completed (-) and read (+) differ:\n%s", diff)
				}
				want := &iam.Principal{ARN: "arn:aws:iam::123456789012:user/" + name, Name: name, Account: account}
				if diff := cmp.Diff(want, got.Principal, withoutPolicies, cmpopts.IgnoreFields(iam.Principal{}, "TokenIssued", "AccessKeyID", "Expires")); diff != "" {
					t.Errorf("wanted (-) and read (+) differ:\n%s", diff)
				}
				if len(got.Principal.Policies) != 1 || got.SecretAccessKey != secret {
					t.Errorf("there are %d policies, the secret is the same: %t", len(got.Principal.Policies), got.SecretAccessKey == secret)
				}
				if issued := got.Principal.TokenIssued; issued.IsZero() != (c.SessionToken == "") {
					t.Errorf("the session token was issued at %v", issued)
				}
			}
		})

		t.Run("a list has no secrets and is sorted by name", func(t *testing.T) {
			if err := db.CreateCredentials(t.Context(), credentials("Alice"), []byte(allowAll)); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range must(db.ListCredentials(t.Context()))(t) {
				names = append(names, c.Principal.Name)
				if c.SecretAccessKey != "" || c.SessionToken != "" {
					t.Errorf("the secrets of %s are in the list", c.Principal.Name)
				}
			}
			if diff := cmp.Diff([]string{"Alice", "moderator", "session@example.com"}, names); diff != "" {
				t.Error(diff)
			}
		})

		t.Run("a name is given once, until it is deleted", func(t *testing.T) {
			first, second := credentials("once"), credentials("once")
			if err := db.CreateCredentials(t.Context(), first, []byte(allowAll)); err != nil {
				t.Fatal(err)
			}
			e := refusal(t, db.CreateCredentials(t.Context(), second, []byte(allowAll)), chat.Conflict)
			if !strings.Contains(e.Message, "once exist") || e.Resource != (chat.ARN{Type: chat.CredentialsResource, ID: "once"}) {
				t.Errorf("the refusal is %q, of %v", e.Message, e.Resource)
			}
			if err := db.DeleteCredentials(t.Context(), "once", ""); err != nil {
				t.Fatal(err)
			}
			_, err := db.Credentials(t.Context(), first.AccessKeyID)
			wantCode(t, err, chat.NotFound)
			wantCode(t, db.DeleteCredentials(t.Context(), "once", ""), chat.NotFound)
			if err := db.CreateCredentials(t.Context(), second, []byte(allowAll)); err != nil {
				t.Error(err)
			}
		})

		t.Run("what IAM would refuse is refused", func(t *testing.T) {
			for _, name := range []string{"", "a b", "a/b", "ü", "a\n", strings.Repeat("a", 65)} {
				wantCode(t, db.CreateCredentials(t.Context(), credentials(name), []byte(allowAll)), chat.Invalid)
			}
			for _, policy := range []string{"", "{}", `{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"*","Resource":"*"}]}`} {
				e := refusal(t, db.CreateCredentials(t.Context(), credentials("broken"), []byte(policy)), chat.Invalid)
				if len(e.Fields) != 1 || e.Fields[0].Name != "policy" {
					t.Errorf("the refusal is about %+v, want policy", e.Fields)
				}
			}
			_, err := db.Credentials(t.Context(), "AKIANOSUCHKEY0000000")
			wantCode(t, err, chat.NotFound)
		})
	})
}

// TestSecretsAtRest looks for secrets in the files.
func TestSecretsAtRest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db := must(store.Open(t.Context(), options(dir)))(t)
	c := credentials("findme")
	c.SessionToken = "a session token that nobody may find"
	if err := db.CreateCredentials(t.Context(), c, []byte(allowAll)); err != nil {
		t.Fatal(err)
	}
	key := tokenKey(1)
	if err := db.AddTokenKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	all := must(os.ReadFile(filepath.Join(dir, "confab.db")))(t)
	if !bytes.Contains(all, []byte("findme")) {
		t.Fatal("the name is not in the file, so this test would not find a secret")
	}
	for what, secret := range map[string][]byte{
		"secret access key": []byte(c.SecretAccessKey), "session token": []byte(c.SessionToken), "token key": key.Secret, "secret key": secretKey,
	} {
		if bytes.Contains(all, secret) {
			t.Errorf("the %s can be read in the file", what)
		}
	}
}

// TestUnreadablePolicy holds that a stored policy which this release refuses hurts no
// other credentials.
func TestUnreadablePolicy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db := must(store.Open(t.Context(), options(dir)))(t)
	defer db.Close()
	old, other := credentials("old"), credentials("other")
	for _, c := range []*iam.Credentials{old, other} {
		if err := db.CreateCredentials(t.Context(), c, []byte(allowAll)); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, filepath.Join(dir, "confab.db"), `UPDATE credentials SET policy = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"1/31/2099"}}}}' WHERE name = 'old'`)
	for _, c := range []*iam.Credentials{must(db.Credentials(t.Context(), old.AccessKeyID))(t), must(db.ListCredentials(t.Context()))(t)[0]} {
		if p := c.Principal; p.Name != "old" || p.PolicyError == nil || len(p.Policies) != 0 {
			t.Errorf("the principal is %+v, want one with an error and without policies", p)
		}
	}
	for _, c := range []*iam.Credentials{must(db.Credentials(t.Context(), other.AccessKeyID))(t), must(db.ListCredentials(t.Context()))(t)[1]} {
		if p := c.Principal; p.Name != "other" || p.PolicyError != nil || len(p.Policies) != 1 {
			t.Errorf("the other principal is %+v", p)
		}
	}
	if err := db.DeleteCredentials(t.Context(), "old", ""); err != nil {
		t.Error(err)
	}
}

// TestMovedSecret holds that who can write the file cannot give one user's
// secret to another.
func TestMovedSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db := must(store.Open(t.Context(), options(dir)))(t)
	defer db.Close()
	mine, theirs := credentials("mine"), credentials("theirs")
	for _, c := range []*iam.Credentials{mine, theirs} {
		if err := db.CreateCredentials(t.Context(), c, []byte(allowAll)); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, filepath.Join(dir, "confab.db"), `UPDATE credentials SET sealed = (SELECT sealed FROM credentials WHERE name = 'mine') WHERE name = 'theirs'`)
	if c, err := db.Credentials(t.Context(), theirs.AccessKeyID); err == nil {
		t.Errorf("the secret of %s opens for %s", mine.Principal.Name, c.Principal.Name)
	}
	must(db.Credentials(t.Context(), mine.AccessKeyID))(t)
}
