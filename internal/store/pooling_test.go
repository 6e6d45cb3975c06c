package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// TestPgBouncer opens the store through a connection pooler, in each of its modes.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Shared(t)
	for _, tt := range []struct {
		name, mode string
		settings   []string
		parameters []string
		want       []string // of the refusal; none means that it is opened
	}{
		{name: "session pooling", mode: "session"},
		{name: "session pooling, with settings in the URL", mode: "session", parameters: []string{"lock_timeout", "7s", "search_path", "public", "application_name", "chat"}},
		{name: "session pooling with fewer connections than needed", mode: "session", settings: []string{"default_pool_size = 1"}, want: []string{"default_pool_size", "at least 18 connections"}},
		{name: "session pooling, with options in the URL", mode: "session", parameters: []string{"options", "-c work_mem=8MB"}, want: []string{"unsupported startup parameter: options", "remove the setting"}},
		{name: "transaction pooling", mode: "transaction", want: []string{"transaction or statement pooling", "pool_mode = session"}},
		{name: "transaction pooling in turn", mode: "transaction", settings: []string{"server_round_robin = 1", "min_pool_size = 2"}, want: []string{"transaction or statement pooling", "pool_mode = session"}},
		{name: "transaction pooling with one connection", mode: "transaction", settings: []string{"default_pool_size = 1"}, want: []string{"transaction or statement pooling", "pool_mode = session"}},
		{name: "statement pooling", mode: "statement", want: []string{"transaction or statement pooling", "pool_mode = session"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			direct := migrated(t)
			url := with(t, cluster.PgBouncer(t, direct, tt.mode, tt.settings...), tt.parameters...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			db, err := store.Open(ctx, options("", func(o *store.Options) { o.Database = url }))
			if len(tt.want) > 0 {
				if err == nil {
					db.Close()
					t.Fatal("it was opened")
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error does not say %q:\n%v", want, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.CreateRoom(ctx, &chat.Room{Name: "room"}, 0); err != nil {
				t.Error(err)
			}
			if err := redeem(db, ctx, tokenID(), time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
}
