package policy_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"confab/internal/policy"
)

// drawStatement makes a statement that has a fair chance to be about a request
// of drawRequest.
func drawStatement(t *rapid.T, effect string) string {
	quoted := func(alternatives ...string) *rapid.Generator[string] {
		return rapid.Map(rapid.SampledFrom(alternatives), strconv.Quote)
	}
	list := func(g *rapid.Generator[string], label string) string {
		return "[" + strings.Join(rapid.SliceOfN(g, 1, 3).Draw(t, label), ",") + "]"
	}
	not := rapid.SampledFrom([]string{"", "Not"})
	s := `"Effect":"` + effect + `","` + not.Draw(t, "not") + `Action":` + list(quoted("*", "ivschat:*", "ivschat:Get*", "ivschat:GetRoom", "ivschat:???????", "s3:*"), "actions") +
		`,"` + not.Draw(t, "not") + `Resource":` + list(quoted("*", "arn:aws:ivschat:*", room, other, "arn:aws:ivschat:us-west-2:*:room/${aws:username}", "arn:aws:ivschat:us-west-2:*:room/A*"), "resources")
	if rapid.Bool().Draw(t, "conditional") {
		operator := rapid.SampledFrom([]string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists", "ForAllValues:StringLike", "ForAnyValue:StringNotLike", "ForAnyValue:StringEquals"}).Draw(t, "operator")
		k := rapid.SampledFrom([]string{"aws:username", "aws:TagKeys", "aws:None"}).Draw(t, "key")
		s += `,"Condition":{"` + operator + `":{"` + k + `":` + list(quoted("a", "b*", "?", "${aws:username}", "${aws:none}"), "operands") + `}}`
	}
	return s
}

func drawPolicies(t *rapid.T, effects ...string) []*policy.Document {
	var docs []*policy.Document
	for range rapid.IntRange(0, 3).Draw(t, "policies") {
		var statements []string
		for range rapid.IntRange(1, 3).Draw(t, "statements") {
			statements = append(statements, "{"+drawStatement(t, rapid.SampledFrom(effects).Draw(t, "effect"))+"}")
		}
		docs = append(docs, mustParse(t, `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`))
	}
	return docs
}

func mustParse(t *rapid.T, doc string) *policy.Document {
	d, err := policy.Parse([]byte(doc))
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return d
}

func drawRequest(t *rapid.T) *policy.Request {
	value := rapid.SampledFrom([]string{"a", "b", "bc", "AbCdEfGhIjKl", "*"})
	ctx := policy.Context{"aws:tagkeys": rapid.SliceOfN(value, 0, 3).Draw(t, "tag keys")}
	if rapid.Bool().Draw(t, "named") {
		ctx["aws:username"] = []string{value.Draw(t, "name")}
	}
	return &policy.Request{
		Action:   rapid.SampledFrom([]string{"ivschat:GetRoom", "ivschat:getroom", "ivschat:DeleteRoom", "s3:GetObject"}).Draw(t, "action"),
		Resource: rapid.SampledFrom([]string{room, other, "arn:aws:s3:::bucket"}).Draw(t, "resource"),
		Context:  ctx,
	}
}

// TestProperties holds the rules of evaluation against random policies.
func TestProperties(t *testing.T) {
	t.Run("deny wins wherever it stands", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			docs, r := drawPolicies(t, "Allow", "Deny"), drawRequest(t)
			veto := mustParse(t, statement(drawStatement(t, "Deny")))
			if policy.Evaluate([]*policy.Document{veto}, r) != policy.ExplicitDeny {
				return
			}
			at := rapid.IntRange(0, len(docs)).Draw(t, "at")
			if got := policy.Evaluate(slices.Insert(docs, at, veto), r); got != policy.ExplicitDeny {
				t.Fatalf("got %v", got)
			}
		})
	})
	t.Run("another Allow removes no permission and lifts no Deny", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			docs, r := drawPolicies(t, "Allow", "Deny"), drawRequest(t)
			before := policy.Evaluate(docs, r)
			after := policy.Evaluate(append(docs, mustParse(t, statement(drawStatement(t, "Allow")))), r)
			if before != policy.ImplicitDeny && after != before || after == policy.ExplicitDeny && before != after {
				t.Fatalf("from %v to %v", before, after)
			}
		})
	})
	t.Run("policies with only Deny statements allow nothing", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			if got := policy.Evaluate(drawPolicies(t, "Deny"), drawRequest(t)); got == policy.Allowed {
				t.Fatal("allowed")
			}
		})
	})
	t.Run("the order of policies does not matter", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			docs, r := drawPolicies(t, "Allow", "Deny"), drawRequest(t)
			want := policy.Evaluate(docs, r)
			slices.Reverse(docs)
			if got := policy.Evaluate(docs, r); got != want {
				t.Fatalf("got %v, want %v", got, want)
			}
		})
	})
}

// naive is the definition of * and ? on characters.
func naive(pattern, s []rune) bool {
	// row[j] says whether the pattern so far matches the first j characters.
	row := make([]bool, len(s)+1)
	row[0] = true
	for _, p := range pattern {
		next := make([]bool, len(s)+1)
		for j := range next {
			switch {
			case p == '*':
				next[j] = row[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = row[j-1] && (p == '?' || p == s[j-1])
			}
		}
		row = next
	}
	return row[len(s)]
}

func likes(tb interface {
	Helper()
	Fatalf(format string, args ...any)
}, pattern, value string,
) bool {
	tb.Helper()
	doc := statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":` + strconv.Quote(pattern) + `}}`)
	d, err := policy.Parse([]byte(doc))
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return policy.Evaluate([]*policy.Document{d}, &policy.Request{Context: policy.Context{"a:b": {value}}}) == policy.Allowed
}

func TestWildcardsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("ab*?é漢")), 0, 12, -1).Draw(t, "pattern")
		// Half of the values are made from the pattern, so that they may match.
		value := rapid.StringOfN(rapid.RuneFrom([]rune("abé漢")), 0, 12, -1).Draw(t, "value")
		if rapid.Bool().Draw(t, "made from the pattern") {
			value = strings.NewReplacer("*", value, "?", "é").Replace(pattern)
		}
		if got, want := likes(t, pattern, value), naive([]rune(pattern), []rune(value)); got != want {
			t.Fatalf("%q on %q: got %v, want %v", pattern, value, got, want)
		}
	})
}

func TestHostileWildcards(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	start := time.Now()
	for _, pattern := range []string{
		strings.Repeat("*a", 2000) + "b",
		strings.Repeat("*", 9000) + "b",
		strings.Repeat("a*", 2000) + "b",
		strings.Repeat("*?", 2000) + "b",
		strings.Repeat("*a?", 2000) + "*b",
	} {
		if likes(t, pattern, long) {
			t.Errorf("%.10q… matches", pattern)
		}
	}
	// A matcher that tries the same place twice takes longer than the universe
	// has; this one takes milliseconds.
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
