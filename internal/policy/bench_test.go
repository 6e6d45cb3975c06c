package policy_test

import (
	"testing"

	"confab/internal/policy"
)

// BenchmarkEvaluate decides on a token backend's typical call.
func BenchmarkEvaluate(b *testing.B) {
	docs := []*policy.Document{parse(b, `{
	  "Version": "2012-10-17",
	  "Statement": [
	    {"Sid": "Read", "Effect": "Allow", "Action": ["ivschat:Get*", "ivschat:List*"], "Resource": "*"},
	    {"Sid": "Chat", "Effect": "Allow",
	     "Action": ["ivschat:CreateChatToken", "ivschat:SendEvent", "ivschat:DeleteMessage", "ivschat:DisconnectUser"],
	     "Resource": "arn:aws:ivschat:*:123456789012:room/*",
	     "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:username}"}, "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}},
	    {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
	  ]
	}`)}
	r := &policy.Request{Action: "ivschat:SendEvent", Resource: room, Context: policy.Context{
		"aws:resourcetag/team": {"red"}, "aws:username": {"red"}, "aws:sourceip": {"192.168.1.7"}, "aws:securetransport": {"true"},
	}}
	b.ReportAllocs()
	for b.Loop() {
		if policy.Evaluate(docs, r) != policy.Allowed {
			b.Fatal("not allowed")
		}
	}
}
