package review

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

func TestParseAnswer(t *testing.T) {
	const limit = 20
	for _, c := range []struct {
		name, json string
		want       answer
	}{
		{"content as it was", `{"ReviewResult":"ALLOW","Content":"hello"}`, answer{content: "hello"}},
		{"attributes null", `{"ReviewResult":"ALLOW","Content":"hello","Attributes":null}`, answer{content: "hello"}},
		{"attributes empty", `{"ReviewResult":"ALLOW","Content":"hello","Attributes":{}}`, answer{content: "hello", attributes: map[string]string{}}},
		{"attributes", `{"Attributes":{"a":"1","b":""},"Content":"hello","ReviewResult":"ALLOW"}`, answer{content: "hello", attributes: map[string]string{"a": "1", "b": ""}}},
		{"white space and unknown members", " {\n\"ReviewResult\" : \"ALLOW\", \"Content\":\"x\", \"Score\":{\"n\":[1,null]}}\r\n", answer{content: "x"}},
		{"members in another case are unknown ones", `{"ReviewResult":"ALLOW","Content":"x","content":7}`, answer{content: "x"}},
		{"escapes", `{"ReviewResult":"ALLOW","Content":"\ud83d\ude00\u0041\n"}`, answer{content: "😀A\n"}},
		{"half a surrogate pair", `{"ReviewResult":"ALLOW","Content":"a\ud83d","Attributes":{"\ude00":"\ud83db"}}`, answer{content: "a\ufffd", attributes: map[string]string{"\ufffd": "\ufffdb"}}},
		{"denied with half a surrogate pair", `{"ReviewResult":"DENY","Attributes":{"Reason":"no \ud83d"}}`, answer{denied: true, reason: "no \ufffd"}},
		{"content among invisible characters", `{"ReviewResult":"ALLOW","Content":"\u200b!"}`, answer{content: "\u200b!"}},
		{"the longest content", `{"ReviewResult":"ALLOW","Content":"` + strings.Repeat("😀", limit) + `"}`, answer{content: strings.Repeat("😀", limit)}},
		{"white space at the ends does not count", `{"ReviewResult":"ALLOW","Content":"  ` + strings.Repeat("x", limit) + `  "}`, answer{content: "  " + strings.Repeat("x", limit) + "  "}},
		{"the largest attributes", `{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":"` + strings.Repeat("é", 511) + `b"}}`, answer{content: "x", attributes: map[string]string{"a": strings.Repeat("é", 511) + "b"}}},
		{"denied with a reason", `{"ReviewResult":"DENY","Content":"","Attributes":{"Reason":"mind your words"}}`, answer{denied: true, reason: "mind your words"}},
		{"denied without content and attributes", `{"ReviewResult":"DENY"}`, answer{denied: true}},
		{"denied with null", `{"ReviewResult":"DENY","Content":null,"Attributes":null}`, answer{denied: true}},
		{"denied, and the content is too long", `{"ReviewResult":"DENY","Content":"` + strings.Repeat("x", limit+1) + `"}`, answer{denied: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseAnswer([]byte(c.json), limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseAnswer_invalid(t *testing.T) {
	const limit = 20
	for name, text := range map[string]string{
		"nothing":                          ``,
		"null":                             `null`,
		"a string":                         `"ALLOW"`,
		"an array":                         `[{"ReviewResult":"ALLOW","Content":"x"}]`,
		"HTML":                             `<html></html>`,
		"cut off":                          `{"ReviewResult":"ALLOW","Content":"x"`,
		"two objects":                      `{"ReviewResult":"ALLOW","Content":"x"}{}`,
		"something behind it":              `{"ReviewResult":"ALLOW","Content":"x"} x`,
		"a member twice":                   `{"ReviewResult":"DENY","ReviewResult":"ALLOW","Content":"x"}`,
		"an attribute twice":               `{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":"1","a":"2"}}`,
		"no ReviewResult":                  `{"Content":"x"}`,
		"ReviewResult null":                `{"ReviewResult":null,"Content":"x"}`,
		"ReviewResult a number":            `{"ReviewResult":1,"Content":"x"}`,
		"ReviewResult in small letters":    `{"ReviewResult":"allow","Content":"x"}`,
		"ReviewResult with a space":        `{"ReviewResult":"ALLOW ","Content":"x"}`,
		"reviewResult":                     `{"reviewResult":"ALLOW","Content":"x"}`,
		"no Content":                       `{"ReviewResult":"ALLOW"}`,
		"Content null":                     `{"ReviewResult":"ALLOW","Content":null}`,
		"Content empty":                    `{"ReviewResult":"ALLOW","Content":""}`,
		"Content of white space":           `{"ReviewResult":"ALLOW","Content":" \n"}`,
		"Content a number":                 `{"ReviewResult":"ALLOW","Content":5}`,
		"Content too long":                 `{"ReviewResult":"ALLOW","Content":"` + strings.Repeat("é", limit+1) + `"}`,
		"Content that nobody can see":      `{"ReviewResult":"ALLOW","Content":"\u200b\u3164"}`,
		"Content that ends within UTF-8":   "{\"ReviewResult\":\"ALLOW\",\"Content\":\"\xf0\x9f\"}",
		"not UTF-8":                        "{\"ReviewResult\":\"ALLOW\",\"Content\":\"\xff\"}",
		"Attributes a list":                `{"ReviewResult":"ALLOW","Content":"x","Attributes":["a"]}`,
		"an attribute that is a number":    `{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":1}}`,
		"an attribute that is null":        `{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":null}}`,
		"an attribute that is an object":   `{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":{"b":"c"}}}`,
		"a Reason that is no string":       `{"ReviewResult":"DENY","Attributes":{"Reason":7}}`,
		"Attributes too large":             `{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":"` + strings.Repeat("x", 1024) + `"}}`,
		"denied, and Attributes too large": `{"ReviewResult":"DENY","Attributes":{"Reason":"` + strings.Repeat("x", 1024) + `"}}`,
		"denied, and Content a number":     `{"ReviewResult":"DENY","Content":5}`,
		"very deep":                        `{"ReviewResult":"ALLOW","Content":"x","More":` + strings.Repeat("[", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseAnswer([]byte(text), limit)
			if !errors.Is(err, errInvalid) {
				t.Errorf("got %+v, %v; want an invalid answer", got, err)
			}
		})
	}
}

func TestAnswer_changes(t *testing.T) {
	m := &chat.Message{Content: "hello"}
	if a := (&answer{content: "hello", attributes: map[string]string{}}); a.changes(m) || a.apply(m) != m {
		t.Error("an empty map changes a message that has no attributes")
	}
	m.Attributes = map[string]string{"a": "1"}
	if a := (&answer{content: "hello", attributes: map[string]string{"a": "1"}}); a.changes(m) {
		t.Error("attributes that are sent back change the message")
	}
	a := &answer{content: "hello", attributes: map[string]string{}}
	if got := a.apply(m); !a.changes(m) || got.Attributes == nil || len(got.Attributes) != 0 || len(m.Attributes) != 1 {
		t.Errorf("an empty map makes %v of %v, want empty ones and the original as it was", got.Attributes, m.Attributes)
	}
}

// FuzzParseAnswer checks every accepted answer against the rules, and against another
// JSON implementation.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"ReviewResult":"ALLOW","Content":"hello","Attributes":{"a":"b"}}`, `{"ReviewResult":"DENY","Attributes":{"Reason":"no"}}`,
		`{"ReviewResult":"ALLOW","Content":"\ud83d\ude00","Attributes":null}`, `{"Content":"x","ReviewResult":"ALLOW","X":[{}]}`, `{`, `null`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 20
		a, err := parseAnswer(b, limit)
		if err != nil {
			if !errors.Is(err, errInvalid) {
				t.Fatalf("%v is not errInvalid", err)
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(b, &members); err != nil {
			t.Fatalf("accepted what is no JSON object: %v", err)
		}
		var result, content string
		var attributes map[string]string
		for name, to := range map[string]any{"ReviewResult": &result, "Content": &content, "Attributes": &attributes} {
			if raw := members[name]; raw != nil {
				if err := json.Unmarshal(raw, to); err != nil {
					t.Fatalf("accepted a %s that is none: %v", name, err)
				}
			}
		}
		if a.denied {
			if result != "DENY" || a.reason != attributes["Reason"] {
				t.Fatalf("%q became %+v", b, a)
			}
			return
		}
		n := utf8.RuneCountInString(strings.TrimSpace(a.content))
		if result != "ALLOW" || a.content != content || n < 1 || n > limit || !utf8.ValidString(a.content) || chat.AttributesSize(a.attributes) > chat.MaxAttributes {
			t.Fatalf("%q became %+v", b, a)
		}
		if !cmp.Equal(a.attributes, attributes) {
			t.Fatalf("attributes %v, want %v", a.attributes, attributes)
		}
	})
}
