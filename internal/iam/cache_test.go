package iam

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"confab/internal/chat"
)

// byName has credentials for every access key that begins with AKID.
type byName struct{}

func (byName) Credentials(_ context.Context, accessKeyID string) (*Credentials, error) {
	if !strings.HasPrefix(accessKeyID, "AKID") {
		return nil, chat.Errorf(chat.NotFound, "no such credentials")
	}
	return &Credentials{AccessKeyID: accessKeyID}, nil
}

func TestCacheIsBounded(t *testing.T) {
	now := time.Now()
	c := newCache(byName{}, MaxCacheFor, func() time.Time { return now })
	ask := func(key string) {
		t.Helper()
		found, err := c.get(t.Context(), key)
		if err != nil || (found != nil) != strings.HasPrefix(key, "AKID") {
			t.Fatalf("%s: got %v, %v", key, found, err)
		}
	}
	check := func(known, unknown int) {
		t.Helper()
		if len(c.known) != known || len(c.unknown) != unknown {
			t.Errorf("%d known and %d unknown keys are remembered, want %d and %d", len(c.known), len(c.unknown), known, unknown)
		}
	}
	ask("AKIDALICE")
	for i := range maxCached + 10 {
		ask("guess" + strconv.Itoa(i))
	}
	check(1, maxCached)
	for i := range maxCached + 10 {
		ask("AKID" + strconv.Itoa(i))
	}
	check(maxCached, maxCached)
	// Expired entries are removed first.
	now = now.Add(MaxCacheFor)
	ask("AKIDBOB")
	ask("guess")
	check(1, 1)
	// A key that gets or loses credentials has one entry.
	c.remember("guess", entry{&Credentials{}, now})
	check(2, 0)
	c.remember("guess", entry{nil, now})
	check(1, 1)
}
