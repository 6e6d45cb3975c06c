package review

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatches(t *testing.T) {
	const arn = "arn:aws:lambda:us-west-2:123456789012:function:review"
	for pattern, want := range map[string]bool{
		arn:                               true,
		"*":                               true,
		"**":                              true,
		"*:review":                        true,
		"arn:aws:lambda:*:function:*":     true,
		"arn:aws:lambda:*:function:rev*":  true,
		"arn:*:1*2:*review":               true,
		arn + "*":                         true,
		arn + ":1":                        false,
		arn[:len(arn)-1]:                  false,
		"*:Review":                        false,
		"arn:aws:lambda:*:function:rew*":  false,
		"arn:aws:lambda:*review*review":   false,
		"*:123456789012:123456789012:*":   false,
		"arn:aws:lambda:us-west-2:*:revi": false,
		"":                                false,
	} {
		if got := matches(pattern, arn); got != want {
			t.Errorf("%q matches: %t, want %t", pattern, got, want)
		}
	}
}

func TestNew_rules(t *testing.T) {
	try := func(rule Rule) error {
		r, err := New(t.Context(), Options{
			Rules: []Rule{{"*:function:first", "lambda"}, rule}, Metrics: NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
		})
		if r != nil {
			r.Close()
		}
		return err
	}
	for target, say := range map[string]string{
		"":                   "the target must be",
		"lambda:":            "needs the name",
		"Lambda":             "the target must be",
		"http:":              "whole URL",
		"http:///path":       "whole URL",
		"https://host:port/": "whole URL",
		"exec:":              "needs a program",
		"exec:  ":            "needs a program",
		"./program":          "the target must be",
		"ftp://127.0.0.1/":   "the target must be",
	} {
		err := try(Rule{"*", target})
		e, ok := errors.AsType[*RuleError](err)
		if !ok || e.Index != 1 || !strings.Contains(err.Error(), say) {
			t.Errorf("target %q: %v, want an error of rule 1 that says %q", target, err, say)
		}
	}
	for _, pattern := range []string{"", "review", "arn:aws:ivschat:us-west-2:123456789012:room/x"} {
		if err := try(Rule{pattern, "lambda"}); err == nil || !strings.Contains(err.Error(), "the pattern must be") {
			t.Errorf("pattern %q: %v", pattern, err)
		}
	}
	for _, target := range []string{"lambda", "lambda:review", "lambda:arn:aws:lambda:us-west-2:1:function:x:live", "http://127.0.0.1:9/", "https://example.com/review?key=1"} {
		if err := try(Rule{"*", target}); err != nil {
			t.Errorf("target %q: %v", target, err)
		}
	}
}

func TestFind(t *testing.T) {
	f := newFixture(t, "", func(o *Options) {
		o.Rules = []Rule{{"*:function:a", "http://127.0.0.1:1/"}, {"*:function:*", "http://127.0.0.1:2/"}, {"*:function:b", "http://127.0.0.1:3/"}}
	})
	got := map[string]string{}
	for _, name := range []string{"function:a", "function:b", "layer:c"} {
		got[name] = f.find("arn:aws:lambda:us-west-2:123456789012:" + name).pattern
	}
	want := map[string]string{"function:a": "*:function:a", "function:b": "*:function:*", "layer:c": "*"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the first rule that matches decides, then Lambda:\n%s", diff)
	}
}
