package store_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/chattoken"
	"confab/internal/store"
)

var _ chattoken.SignerStore = store.Signers{}

func TestSigners(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		signers := store.NewSigners(open(t))
		if all := must(signers.Signers(t.Context()))(t); len(all) != 0 {
			t.Fatalf("a new store has %v", all)
		}
		one := chattoken.Signer{
			Name: "one", Algorithm: "HS256", Key: bytes.Repeat([]byte{'k'}, 32),
			Rooms: []string{"arn:aws:ivschat:*:*:room/*"}, Capabilities: []chat.Capability{chat.SendMessage},
		}
		another := one
		another.Name, another.Capabilities = "another", nil
		for _, s := range []*chattoken.Signer{&one, &another} {
			if err := signers.Create(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		again := one
		wantCode(t, signers.Create(t.Context(), &again), chat.Conflict)
		again.Name = "a b"
		wantCode(t, signers.Create(t.Context(), &again), chat.Invalid)
		again.Name, again.Key = "short", []byte("short")
		wantCode(t, signers.Create(t.Context(), &again), chat.Invalid)
		one.CreateTime, another.CreateTime = one.CreateTime.UTC().Round(0), another.CreateTime.UTC().Round(0)
		if diff := cmp.Diff([]chattoken.Signer{another, one}, must(store.NewSigners(open(t)).Signers(t.Context()))(t)); diff != "" {
			t.Errorf("wanted by name (-), got (+):\n%s", diff)
		}
		if err := signers.Delete(t.Context(), "another"); err != nil {
			t.Fatal(err)
		}
		wantCode(t, signers.Delete(t.Context(), "another"), chat.NotFound)
		if all := must(signers.Signers(t.Context()))(t); len(all) != 1 || all[0].Name != "one" {
			t.Errorf("after a deletion there are %v", all)
		}
	})
}
