package iam_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/policy"
)

// TestBounded holds that no request is allowed to credentials that were made over the API
// and denied to one of their makers.
func TestBounded(t *testing.T) {
	allowed, bounded := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		if checkBounded(t) {
			allowed++
		} else {
			bounded++
		}
	})
	if allowed == 0 || bounded == 0 {
		t.Errorf("%d requests were allowed, %d were denied", allowed, bounded)
	}
}

// FuzzBounded is TestBounded for longer.
func FuzzBounded(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { checkBounded(t) }))
}

// checkBounded draws up to three makers, a child and a request, and reports whether the
// request is allowed to the child.
func checkBounded(t *rapid.T) bool {
	actions := []string{"ivschat:SendEvent", "ivschat:GetRoom", "confab:CreateCredentials"}
	rooms := []string{"AbCdEfGhIjKl", "abcdefghijkl"}
	statement := rapid.Custom(func(t *rapid.T) string {
		element := rapid.SampledFrom([]string{"Action", "NotAction"}).Draw(t, "element")
		action := rapid.SampledFrom(append(actions, "*", "ivschat:*", "confab:*")).Draw(t, "action")
		resource := rapid.SampledFrom([]string{"*", "arn:aws:ivschat:*:*:room/Ab*", "arn:aws:ivschat:*:*:room/${aws:username}"}).Draw(t, "resource")
		condition := rapid.SampledFrom([]string{
			"", "", `,"Condition":{"StringEquals":{"aws:username":"user1"}}`, `,"Condition":{"StringNotEquals":{"aws:username":"user0"}}`,
			`,"Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}`, `,"Condition":{"Null":{"aws:TokenIssueTime":"true"}}`,
		}).Draw(t, "condition")
		effect := rapid.SampledFrom([]string{"Allow", "Allow", "Allow", "Deny"}).Draw(t, "effect")
		return fmt.Sprintf(`{"Effect":%q,%q:%q,"Resource":%q%s}`, effect, element, action, resource, condition)
	})
	var p *iam.Principal
	for i := range rapid.IntRange(1, 4).Draw(t, "makers and child") {
		text := `{"Version":"2012-10-17","Statement":[` + strings.Join(rapid.SliceOfN(statement, 1, 4).Draw(t, "policy"), ",") + `]}`
		document, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("user", i)
		p = &iam.Principal{
			ARN: "arn:aws:iam::123456789012:user/" + name, Name: name, Account: "123456789012",
			Policies: []*policy.Document{document}, Maker: p,
		}
		if rapid.Bool().Draw(t, "temporary") {
			p.TokenIssued = time.Unix(1, 0)
		}
	}
	action := rapid.SampledFrom(actions).Draw(t, "request")
	resource := chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: rapid.SampledFrom(rooms).Draw(t, "room")}
	keys := iam.Keys{ResourceTags: rapid.SampledFrom([]map[string]string{nil, {"team": "red"}}).Draw(t, "tags")}
	child := (&iam.Call{Principal: p}).Authorize(action, resource, keys)
	every := true // what each of them may do alone
	for one := p; one != nil; one = one.Maker {
		alone := *one
		alone.Maker = nil
		every = every && (&iam.Call{Principal: &alone}).Authorize(action, resource, keys) == nil
		if child == nil && (&iam.Call{Principal: one}).Authorize(action, resource, keys) != nil {
			t.Fatalf("%s is allowed %s, which %s is not", p.Name, action, one.Name)
		}
	}
	if every != (child == nil) {
		t.Fatalf("each alone: %t, together: %v", every, child)
	}
	return child == nil
}

func TestBoundedRefusal(t *testing.T) {
	child := user(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	child.Maker = &iam.Principal{ARN: "arn:aws:iam::123456789012:user/maker", Name: "maker"}
	ctx := iam.WithCall(t.Context(), &iam.Call{Principal: child})
	checkRefusal(ctx, t, iam.Keys{}, "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: ivschat:SendEvent on resource: "+
		"arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl because no identity-based policy allows the ivschat:SendEvent action "+
		"to arn:aws:iam::123456789012:user/maker, which made the credentials")
	child.Maker = &iam.Principal{Root: true}
	checkRefusal(ctx, t, iam.Keys{}, "")
}
