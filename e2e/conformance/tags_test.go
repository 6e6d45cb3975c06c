package conformance

import (
	"net/http"
	"testing"
)

func TestTags(t *testing.T) {
	t.Parallel()
	list := func(t *testing.T, r resource) any {
		t.Helper()
		o := subject.send(t, &call4{method: http.MethodGet, path: tagPath(r.arn)}).want(t, http.StatusOK)
		wantMembers(t, o, "tags")
		return o["tags"]
	}
	tag := func(t *testing.T, r resource, tags m) *reply {
		t.Helper()
		return subject.send(t, &call4{path: tagPath(r.arn), body: jsonText(t, m{"tags": tags})})
	}
	untag := func(t *testing.T, r resource, query string) *reply {
		t.Helper()
		return subject.send(t, &call4{method: http.MethodDelete, path: tagPath(r.arn), query: query})
	}
	makers := map[string]func(t *testing.T, members m) resource{"a room": newRoom, "a logging configuration": newLogging}
	for kind, make := range makers {
		group(t, kind, func(t *testing.T) {
			check(t, "none are an empty object", func(t *testing.T) {
				wantTags(t, list(t, make(t, nil)), m{})
			})
			check(t, "those of the creation are listed", func(t *testing.T) {
				wantTags(t, list(t, make(t, m{"tags": m{"a": "1", "B": ""}})), m{"a": "1", "B": ""})
			})
			check(t, "TagResource adds and overwrites and keeps the others", func(t *testing.T) {
				r := make(t, m{"tags": m{"kept": "1", "changed": "1"}})
				wantTags(t, tag(t, r, m{"changed": "2", "new": "3"}).want(t, http.StatusOK), m{})
				wantTags(t, list(t, r), m{"kept": "1", "changed": "2", "new": "3"})
				wantTags(t, get(t, r)["tags"], m{"kept": "1", "changed": "2", "new": "3"})
			})
			check(t, "UntagResource removes the keys and keeps the others", func(t *testing.T) {
				r := make(t, m{"tags": m{"a": "1", "b c": "2", "kept": "3"}})
				wantTags(t, untag(t, r, "tagKeys=a&tagKeys=b%20c&tagKeys=unknown").want(t, http.StatusOK), m{})
				wantTags(t, list(t, r), m{"kept": "3"})
			})
			check(t, "keys know case", func(t *testing.T) {
				r := make(t, m{"tags": m{"key": "1", "Key": "2"}})
				untag(t, r, "tagKeys=key").want(t, http.StatusOK)
				wantTags(t, list(t, r), m{"Key": "2"})
			})
			check(t, "tagging leaves updateTime alone", func(t *testing.T) {
				r := make(t, m{"tags": m{"a": "1"}})
				before := get(t, r)["updateTime"]
				tag(t, r, m{"b": "2"}).want(t, http.StatusOK)
				untag(t, r, "tagKeys=a").want(t, http.StatusOK)
				wantValue(t, get(t, r), "updateTime", before)
			})
			check(t, "more than 50 after merging are refused and nothing is stored", func(t *testing.T) {
				r := make(t, m{"tags": tags(49)})
				tag(t, r, m{"x": "1", "y": "2"}).wantInvalid(t, "tags")
				wantTags(t, list(t, r), tags(49))
				tag(t, r, m{"x": "1", "key00": "value"}).want(t, http.StatusOK)
			})
			check(t, "keys with signs come back as sent", func(t *testing.T) {
				given := m{"a+b/c:d=e@f g": "h+i/j:k=l@m n"}
				r := make(t, m{"tags": given})
				wantTags(t, list(t, r), given)
				untag(t, r, "tagKeys=a%2Bb%2Fc%3Ad%3De%40f%20g").want(t, http.StatusOK)
				wantTags(t, list(t, r), m{})
			})
		})
	}
}

func wantTags(t *testing.T, got any, want m) {
	t.Helper()
	wantValue(t, m{"tags": got}, "tags", want)
}
