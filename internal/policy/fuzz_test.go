package policy_test

import (
	"testing"

	"confab/internal/policy"
)

// FuzzPolicy parses arbitrary documents and evaluates those that are accepted.
func FuzzPolicy(f *testing.F) {
	for _, c := range conditions {
		f.Add(statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+c.operator+`":{"test:key":`+c.operands+`}}`), "ivschat:GetRoom", room, "a")
	}
	f.Add(`{"Version":"2012-10-17","Statement":{"Sid":"A","Effect":"Deny","NotAction":["a:*","b:?"],"NotResource":["arn:aws:s3:::${aws:username, 'x'}/${*}*"]}}`, "s3:Get", "arn:aws:s3:::b", "")
	f.Fuzz(func(t *testing.T, doc, action, resource, value string) {
		d, err := policy.Parse([]byte(doc))
		if err != nil {
			if d != nil || err.Error() == "" {
				t.Errorf("got %v and the error %q", d, err)
			}
			return
		}
		r := &policy.Request{Action: action, Resource: resource, Context: policy.Context{"test:key": {value}, "aws:username": {value}}}
		alone := policy.Evaluate([]*policy.Document{d}, r)
		if twice := policy.Evaluate([]*policy.Document{d, d}, r); twice != alone {
			t.Errorf("once %v, twice %v", alone, twice)
		}
	})
}
