package app

import (
	"go/build"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// layers is the architecture, from the top down. A package may import packages
// of lower layers only: nothing above it, and nothing beside it.
var layers = []struct {
	what     string
	packages []string
}{
	{"what a user types", []string{"cli"}},
	{"the one place that knows everything", []string{"app"}},
	{"the commands that are clients of the public API", []string{"client"}},
	{"the work of single commands, and the commands of moderators", []string{"apply", "awsimport", "chatscreen", "doctor", "loadtest", "moderator", "webhookcmd"}},
	{"what commands share", []string{"command"}},
	{"what nodes ask each other", []string{"peers"}},
	{"what destinations and endpoints get", []string{"attendance", "delivery"}},
	{"what clients talk to", []string{"console", "control", "edge", "extension", "front"}},
	{"the operations of our own, by subject", []string{"moderationops", "roomops", "serverops", "webhookops"}},
	{"what these share", []string{"operation"}},
	{"durable truth, and the other nodes; who is there; how operations are served", []string{"store", "cluster", "places", "presence", "enforce", "modes", "api", "erasure", "notify", "messagingtest"}},
	{"what a home sends, what waits for it, and what makes members equal", []string{"inflight", "reconcile", "stream"}},
	{"the members of a cluster, and what they have of rooms", []string{"interest", "membership", "roomlog"}},
	{"what nodes say to each other", []string{"protocol"}},
	{"live rooms, and what they delivered", []string{"messaging", "transcript"}},
	{"who is in a live room, and what it keeps", []string{"members", "pending", "replay"}},
	{"what a request needs", []string{"verdicts", "catchup", "traces", "journal", "iam", "restjson", "chattoken", "review", "chatlog", "history", "kicks", "recent", "moderation", "modlog", "contentfilter", "webhook", "awstest"}},
	{"the grammar of signatures and policies, and SQL", []string{"sigv4", "policy", "sqldb"}},
	{"nouns, rules, errors", []string{"chat", "ending"}},
	{"tools of one purpose", []string{"background", "chatroom", "clientip", "config", "export", "filter", "flock", "nats", "origin", "pgtest", "plan", "poll", "quota", "series", "telemetry", "view", "websocket"}},
	{"the sockets of event loops", []string{"transport"}},
	{"the grammar of WebSockets, and of the kernel", []string{"kernel", "rfc6455"}},
}

// without has what a package must do without although its layer would allow
// it, and why.
var without = map[string]map[string]string{
	"messaging": {
		"confab/internal/websocket": "the heart knows no sockets",
		"net/http":                  "the heart knows no protocol",
		"database/sql":              "the heart knows no SQL",
	},
	"membership": {"context": "who belongs together follows from heartbeats and the time"},
	"interest":   {"context": "it waits for nothing", "sync": "its node locks it", "time": "interests are numbered"},
	"roomlog":    {"context": "logs wait for nothing", "sync": "their node locks them"},
	"stream":     {"context": "its ends wait for nothing", "sync": "their node locks them"},
	"view":       {"time": "a view is the same at any time"},
	"websocket":  {"confab/internal/telemetry": "RFC 6455 is all that it knows"},
	"transport":  {"confab/internal/rfc6455": "it moves bytes, whatever they mean"},
	"rfc6455":    {"net": "the grammar knows no connection"},
	"chatlog":    {"database/sql": "it knows positions, not tables"},
	"store": {
		"net/http":     "the truth is not served from here",
		"database/sql": "connections and transactions are those of sqldb",
	},
	"transcript":    {"database/sql": "connections and transactions are those of sqldb"},
	"history":       {"database/sql": "connections and transactions are those of sqldb"},
	"contentfilter": {"database/sql": "connections and transactions are those of sqldb"},
	"moderation":    {"database/sql": "connections and transactions are those of sqldb"},
	"modlog":        {"database/sql": "connections and transactions are those of sqldb"},
	"webhook":       {"database/sql": "connections and transactions are those of sqldb"},
}

const internal = "confab/internal/"

func TestLayers(t *testing.T) {
	level := map[string]int{}
	for i, l := range layers {
		for _, name := range l.packages {
			level[name] = i
		}
	}
	missing := maps.Clone(level)
	dirs, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		name := dir.Name()
		p, err := build.ImportDir("../"+name, 0)
		if _, none := err.(*build.NoGoError); none || !dir.IsDir() { //nolint:errorlint // ImportDir returns it as it is.
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		here, ok := level[name]
		if !ok {
			t.Errorf("package %s is in no layer; give it one", name)
			continue
		}
		for _, imported := range p.Imports {
			if why := without[name][imported]; why != "" {
				t.Errorf("%s imports %s, but %s", name, imported, why)
			}
			other, ours := strings.CutPrefix(imported, internal)
			if !ours {
				continue
			}
			if there, known := level[other]; !known || there <= here {
				t.Errorf("%s (%s) imports %s, which does not stand below it", name, layers[here].what, other)
			}
		}
		delete(missing, name)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("there is no package %s", name)
	}
}
