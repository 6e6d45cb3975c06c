package store_test

import (
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/store"
)

// made stores credentials that another principal made.
func made(t *testing.T, db *store.DB, name string, maker *iam.Principal, expires time.Time) *iam.Credentials {
	t.Helper()
	c := credentials(name)
	c.Principal.Maker, c.Expires = maker, expires
	if err := db.CreateCredentials(t.Context(), c, []byte(allowAll)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBoundedCredentials(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		end := time.Now().Add(time.Hour).Truncate(time.Microsecond).UTC()
		root := &iam.Principal{Root: true, ARN: "arn:aws:iam::123456789012:root"}
		top := made(t, db, "top", root, end)
		middle := made(t, db, "middle", top.Principal, end.Add(time.Hour))
		low := made(t, db, "low", middle.Principal, time.Time{})
		early := made(t, db, "early", middle.Principal, end.Add(-time.Minute))
		other := made(t, db, "other", nil, time.Time{})

		names := func(p *iam.Principal) (all []string) {
			for ; p != nil; p = p.Maker {
				all = append(all, p.Name)
			}
			return all
		}
		got := must(db.Credentials(t.Context(), low.AccessKeyID))(t)
		if chain := names(got.Principal); len(chain) != 3 || chain[1] != "middle" || chain[2] != "top" {
			t.Errorf("the makers are %v", chain)
		}
		for _, p := range []*iam.Principal{got.Principal, got.Principal.Maker, got.Principal.Maker.Maker} {
			if len(p.Policies) != 1 || p.Account != account {
				t.Errorf("%s has %d policies", p.Name, len(p.Policies))
			}
		}
		for c, want := range map[*iam.Credentials]time.Time{top: end, middle: end, low: end, early: end.Add(-time.Minute), other: {}} {
			stored := must(db.Credentials(t.Context(), c.AccessKeyID))(t)
			if !c.Expires.Equal(want) || !stored.Expires.Equal(want) {
				t.Errorf("%s expires at %s and %s, want %s", c.Principal.Name, c.Expires, stored.Expires, want)
			}
		}
		for _, c := range must(db.ListCredentials(t.Context()))(t) {
			if want := map[string]int{"top": 1, "middle": 2, "low": 3, "early": 3, "other": 1}[c.Principal.Name]; len(names(c.Principal)) != want {
				t.Errorf("in the list, %s has the makers %v", c.Principal.Name, names(c.Principal))
			}
		}

		wantCode(t, db.DeleteCredentials(t.Context(), "middle", low.AccessKeyID), chat.NotFound)
		if err := db.DeleteCredentials(t.Context(), "middle", middle.AccessKeyID); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*iam.Credentials{middle, low, early} {
			_, err := db.Credentials(t.Context(), c.AccessKeyID)
			wantCode(t, err, chat.NotFound)
		}
		must(db.Credentials(t.Context(), top.AccessKeyID))(t)
		must(db.Credentials(t.Context(), other.AccessKeyID))(t)

		orphan := credentials("orphan")
		orphan.Principal.Maker = middle.Principal
		wantCode(t, db.CreateCredentials(t.Context(), orphan, []byte(allowAll)), chat.AccessDenied)
		// A user of the same name is another one.
		made(t, db, "middle", nil, time.Time{})
		_, err := db.Credentials(t.Context(), low.AccessKeyID)
		wantCode(t, err, chat.NotFound)
	})
}
