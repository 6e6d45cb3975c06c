package restjson_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/restjson"
)

// input has a member of every type that the API model uses.
type input struct {
	Name    *string           `json:"name"`
	Length  *int32            `json:"length"`
	Handler *handler          `json:"handler"`
	List    []string          `json:"list"`
	Tags    map[string]string `json:"tags"`
	Union   *union            `json:"union"`
	Flag    *bool             `json:"flag"`
	Seconds *int64            `json:"seconds"`
}

type handler struct {
	URI *string `json:"uri"`
}

type union struct {
	S3       *handler `json:"s3"`
	Firehose *handler `json:"firehose"`
}

func (u *union) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain union
	if err := json.UnmarshalDecode(dec, (*plain)(u)); err != nil {
		return err
	}
	if (u.S3 == nil) == (u.Firehose == nil) {
		return errors.New("must have exactly one of s3 and firehose")
	}
	return nil
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       input
	}{
		{"an empty body is an input with no members", ``, input{}},
		{"an empty object", ` {} `, input{}},
		{"all members", `{"name":"a","length":7,"handler":{"uri":"u"},"list":["x"],"tags":{"k":"v"},"union":{"s3":{}}}`, input{
			Name: new("a"), Length: new(int32(7)), Handler: &handler{URI: new("u")},
			List: []string{"x"}, Tags: map[string]string{"k": "v"}, Union: &union{S3: &handler{}},
		}},
		{"null is absent at every level", `{"name":null,"length":null,"handler":{"uri":null},"list":null,"tags":null,"union":null}`, input{Handler: &handler{}}},
		{"null members of a union do not count", `{"union":{"s3":null,"firehose":{}}}`, input{Union: &union{Firehose: &handler{}}}},
		{"empty is not absent", `{"name":"","list":[],"tags":{}}`, input{Name: new(""), List: []string{}, Tags: map[string]string{}}},
		{"unknown members are ignored", `{"extra":[1,{"a":null}],"name":"a","handler":{"more":1}}`, input{Name: new("a"), Handler: &handler{}}},
		{"names are case-sensitive", `{"Name":"a","NAME":7}`, input{}},
		{"numbers at the ends of their range", `{"length":-2147483648}`, input{Length: new(int32(-2147483648))}},
		{"escapes and astral characters", `{"name":"\ud83d\ude00\u0041é"}`, input{Name: new("😀Aé")}},
		{"the first half of a pair", `{"name":"a\ud83d"}`, input{Name: new("a\ufffd")}},
		{"the second half of a pair", `{"name":"\uDE00a"}`, input{Name: new("\ufffda")}},
		{"halves in the wrong order", `{"name":"\ude00\ud83d"}`, input{Name: new("\ufffd\ufffd")}},
		{"a half before a pair", `{"name":"\ud83d\ud83d\ude00"}`, input{Name: new("\ufffd😀")}},
		{"a half before another escape", `{"name":"\ud83d\n\ud83d\u0041"}`, input{Name: new("\ufffd\n\ufffdA")}},
		{"halves in keys, values, items and nested members", `{"list":["\ud83d"],"tags":{"k\ud83d":"\ude00"},"handler":{"uri":"\ud83d"}}`, input{
			List: []string{"\ufffd"}, Tags: map[string]string{"k\ufffd": "\ufffd"}, Handler: &handler{URI: new("\ufffd")},
		}},
		{"halves in what is ignored", `{"\ud83d":1,"extra":{"\ud83d":"\ud83d"}}`, input{}},
		{"U+FFFD itself", `{"name":"�\ufffd"}`, input{Name: new("\ufffd\ufffd")}},
		{"a nesting of 32", `{"extra":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, input{}},
		{"brackets in strings do not nest", `{"name":"` + strings.Repeat(`[\"{`, 40) + `"}`, input{Name: new(strings.Repeat(`["{`, 40))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got input
			if err := restjson.Decode([]byte(c.body), &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// The bodies of Smithy's tests for malformed requests (restJson1), applied to
// our types, and those that the JSON itself forbids.
func TestDecodeMalformed(t *testing.T) {
	const number = "must be a whole number from -2147483648 to 2147483647"
	for _, c := range []struct{ body, want string }{
		{`{[`, "not valid JSON"},
		{`{ "length": 10 }abc`, "not valid JSON"},
		{`abc{ "length": 10 }`, "not valid JSON"},
		{"{ \"length\": 10 // ten\n}", "not valid JSON"},
		{`{ "length": 10 /* ten */ }`, "not valid JSON"},
		{"{\"length\" :\f10}", "not valid JSON"},
		{`{'length': 10}`, "not valid JSON"},
		{`{"length": 10,}`, "not valid JSON"},
		{`{"length": 10`, "not valid JSON"},
		{`   `, "not valid JSON"},
		{`{"list": ["a", "b" }`, "not valid JSON"},
		{`{"tags": { null: "a" }}`, "not valid JSON"},
		{`{"length": 2ABC}`, "not valid JSON"},
		{`{"length": 0x42}`, "not valid JSON"},
		{`{"length": Infinity}`, "not valid JSON"},
		{`{"length": NaN}`, "not valid JSON"},
		{`{"length": 01}`, "not valid JSON"},
		{"{\"name\": \"\xff\"}", "invalid UTF-8"},
		{"{\"name\": \"\xed\xa0\xbd\"}", "invalid UTF-8"}, // half of a pair, as bytes
		{"{\"extra\": \"\xff\", \"name\": \"\\ud83d\"}", "invalid UTF-8"},
		{"{\"tags\": {\"\xc3\": \"\"}}", "invalid UTF-8"},
		{"{\"name\": \"a\"}\xff", "not valid JSON"},
		{`{"name": "\ud83"}`, "not valid JSON"},
		{`{"tags": {"\ud83d": "1", "\ude00": "2"}}`, "is given twice"},
		{`{"tags": {"\ud83d": "1", "�": "2"}}`, "is given twice"},
		{"{\"name\": \"a\nb\"}", "not valid JSON"},
		{"\xef\xbb\xbf{}", "not valid JSON"},
		{`[{ "length": 10}]`, "must be a JSON object, not a list"},
		{`10`, "must be an object, not a number"},
		{`"a"`, "must be an object, not a string"},
		{`true`, "must be an object, not true"},
		{`null`, "must be a JSON object, not null"},
		{` null `, "must be a JSON object, not null"},
		{`{"length": "123"}`, "Member /length " + number},
		{`{"length": "NaN"}`, number},
		{`{"flag": "true"}`, "Member /flag must be true or false, not a string"},
		{`{"seconds": "1"}`, "Member /seconds must be a whole number, written without fraction or exponent, not a string"},
		{`{"seconds": 1.5}`, "Member /seconds must be a whole number, written without fraction or exponent, not 1.5"},
		{`{"length": true}`, "without fraction or exponent, not true"},
		{`{"length": 1.001}`, "without fraction or exponent, not 1.001"},
		{`{"length": 1e2}`, number},
		{`{"length": 2147483648}`, number},
		{`{"length": -9223372000000000000}`, number},
		{`{"length": 123000000000000000000000}`, number},
		{`{"length": []}`, number},
		{`{"name": 5}`, "Member /name must be a string, not a number"},
		{`{"name": true}`, "Member /name must be a string, not true"},
		{`{"name": ["a"]}`, "Member /name must be a string, not a list"},
		{`{"name": {}}`, "Member /name must be a string, not an object"},
		{`{"handler": "u"}`, "Member /handler must be an object, not a string"},
		{`{"handler": {"uri": 1}}`, "Member /handler/uri must be a string, not a number"},
		{`{"list": {"a": "b"}}`, "Member /list must be a list, not an object"},
		{`{"list": "a"}`, "Member /list must be a list, not a string"},
		{`{"list": ["a", null, "b"]}`, "Member /list/1 must be a string, not null"},
		{`{"list": ["a", 1]}`, "Member /list/1 must be a string, not a number"},
		{`{"tags": ["a"]}`, "Member /tags must be an object, not a list"},
		{`{"tags": {"a": null}}`, "Member /tags/a must be a string, not null"},
		{`{"tags": {"a": 1}}`, "Member /tags/a must be a string, not a number"},
		{`{"union": {}}`, "Member /union must have exactly one of"},
		{`{"union": {"s3": {}, "firehose": {}}}`, "Member /union must have exactly one of"},
		{`{"union": {"s3": {"uri": 1}}}`, "Member /union/s3/uri must be a string, not a number"},
		{`{"union": ["s3"]}`, "Member /union must be an object, not a list"},
		{`{"name": "a", "name": "b"}`, "Member /name is given twice"},
		{`{"tags": {"a": "1", "a": "1"}}`, "Member /tags/a is given twice"},
		{`{"extra": {"a": 1, "a": 2}}`, "Member /extra/a is given twice"},
		{`{"extra":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "nested deeper than the 32 levels"},
		{strings.Repeat(`{"a":`, 20000), "nested deeper than the 32 levels"},
	} {
		t.Run(fmt.Sprintf("%.40s", c.body), func(t *testing.T) {
			var got input
			err := restjson.Decode([]byte(c.body), &got)
			if name, status := restjson.Exception(err); err == nil || name != "SerializationException" || status != 400 {
				t.Fatalf("got %v, %s %d; want a SerializationException, 400", err, name, status)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to say %q", err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"a","length":7,"handler":{"uri":"u"},"list":["x"],"tags":{"k":"v"},"union":{"s3":{}}}`))
	f.Add([]byte(`{"list":[null],"tags":{"a":null}}`))
	f.Add([]byte(`{"extra":[[[[{}]]]],"name":"\ud83d\ude00"}`))
	f.Add([]byte(`{"name":"\ud83d","tags":{"\ude00":"\ud83d\ud83d"}}`))
	f.Add([]byte("{\"name\":\"\xed\xa0\xbd\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in input
		if err := restjson.Decode(body, &in); err != nil {
			if chat.CodeOf(err) != chat.Invalid {
				t.Fatalf("%v is not the sender's fault", err)
			}
			return
		}
		// What was accepted survives the way to a client and back.
		again, err := json.Marshal(&in)
		if err != nil {
			t.Fatal(err)
		}
		var back input
		if err := restjson.Decode(again, &back); in.Union == nil && err != nil {
			t.Fatalf("%q became %q: %v", body, again, err)
		}
		if !utf8.Valid(body) {
			t.Fatalf("%q was accepted", body)
		}
		if in.Name != nil && !utf8.ValidString(*in.Name) {
			t.Fatalf("%q is not UTF-8", *in.Name)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"name":"a","length":7,"handler":{"uri":"u"},"list":["x","y"],"tags":{"k":"v","l":"w"}}`)
	b.ReportAllocs()
	for b.Loop() {
		var in input
		if err := restjson.Decode(body, &in); err != nil {
			b.Fatal(err)
		}
	}
}
