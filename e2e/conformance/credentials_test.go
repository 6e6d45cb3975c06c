package conformance

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const anything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// makes makes credentials over the API, with the caller's.
func (c *caller) makes(t *testing.T, members m) *caller {
	t.Helper()
	o := c.do(t, ours("CreateCredentials"), members).want(t, http.StatusOK)
	made := aws.Credentials{AccessKeyID: text(t, o, "accessKeyId"), SecretAccessKey: text(t, o, "secretAccessKey")}
	made.SessionToken, _ = o["sessionToken"].(string)
	child := &caller{c.endpoint, made, text(t, o, "arn")}
	for deadline := time.Now().Add(patience); child.do(t, "GetRoom", m{"identifier": roomARN(noID)}).errorName() == "UnrecognizedClientException"; {
		if time.Now().After(deadline) {
			t.Fatalf("the server does not know new credentials after %s", patience)
		}
	}
	return child
}

// untilUnknown waits until the caller's credentials are refused.
func (c *caller) untilUnknown(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); c.do(t, "ListRooms", m{}).errorName() != "UnrecognizedClientException"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the server knows deleted credentials after %s", patience)
		}
	}
}

func TestBoundedCredentials(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	root := &caller{subject, subject.root, "arn:aws:iam::" + subject.account + ":root"}
	const manage = `{"Effect":"Allow","Action":["confab:CreateCredentials","confab:ListCredentials","confab:DeleteCredentials"],"Resource":"*"}`
	maker := func(t *testing.T) *caller {
		return newCaller(t, manage, `{"Effect":"Allow","Action":["ivschat:ListRooms","ivschat:GetRoom"],"Resource":"*"}`)
	}
	unique := func() string { return "made" + strings.ToLower(rand.Text()) }
	check(t, "the answer has the secret once", func(t *testing.T) {
		o := root.do(t, ours("CreateCredentials"), m{"name": unique(), "policy": anything}).want(t, http.StatusOK)
		wantMembers(t, o, "accessKeyId", "arn", "name", "secretAccessKey")
		name := text(t, o, "name")
		o = root.do(t, ours("CreateCredentials"), m{"name": name + "t", "policy": anything, "durationInSeconds": 900}).want(t, http.StatusOK)
		wantMembers(t, o, "accessKeyId", "arn", "expirationTime", "name", "secretAccessKey", "sessionToken")
		if left := time.Until(instant(t, o, "expirationTime")); left > 15*time.Minute || left < 14*time.Minute {
			t.Errorf("they expire in %s", left)
		}
		root.do(t, ours("CreateCredentials"), m{"name": name, "policy": anything}).wantError(t, "ConflictException", http.StatusConflict)
	})
	check(t, "a child may do no more than its maker", func(t *testing.T) {
		mother := maker(t)
		child := mother.makes(t, m{"name": unique(), "policy": anything})
		child.do(t, "ListRooms", m{}).want(t, http.StatusOK)
		message := child.wantDenied(t, child.do(t, "CreateRoom", m{}), "ivschat:CreateRoom", roomARN("*"))
		if !strings.Contains(message, mother.arn) {
			t.Errorf("message %q does not name the maker", message)
		}
		grandchild := child.makes(t, m{"name": unique(), "policy": anything})
		grandchild.do(t, "ListRooms", m{}).want(t, http.StatusOK)
		grandchild.wantDenied(t, grandchild.do(t, "CreateRoom", m{}), "ivschat:CreateRoom", roomARN("*"))
	})
	check(t, "a child may do no more than its own policy", func(t *testing.T) {
		child := maker(t).makes(t, m{"name": unique(), "policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"*"}]}`})
		child.wantDenied(t, child.do(t, "ListRooms", m{}), "ivschat:ListRooms", roomARN("*"))
	})
	check(t, "a child expires no later than its maker", func(t *testing.T) {
		o := root.do(t, ours("CreateCredentials"), m{"name": unique(), "policy": anything, "durationInSeconds": 900}).want(t, http.StatusOK)
		short := &caller{subject, aws.Credentials{AccessKeyID: text(t, o, "accessKeyId"), SecretAccessKey: text(t, o, "secretAccessKey"), SessionToken: text(t, o, "sessionToken")}, text(t, o, "arn")}
		for _, members := range []m{{}, {"durationInSeconds": 129600}} {
			members["name"], members["policy"] = unique(), anything
			child := short.do(t, ours("CreateCredentials"), members).want(t, http.StatusOK)
			if got, want := text(t, child, "expirationTime"), text(t, o, "expirationTime"); got != want {
				t.Errorf("the child expires at %s, its maker at %s", got, want)
			}
		}
	})
	check(t, "a child ends with its maker", func(t *testing.T) {
		name := unique()
		mother := root.makes(t, m{"name": name, "policy": anything})
		child := mother.makes(t, m{"name": unique(), "policy": anything})
		child.do(t, "ListRooms", m{}).want(t, http.StatusOK)
		root.do(t, ours("DeleteCredentials"), m{"name": name}).want(t, http.StatusOK)
		mother.untilUnknown(t)
		child.untilUnknown(t)
	})
	check(t, "a maker that is made again by the same name does not bring its children back", func(t *testing.T) {
		name := unique()
		mother := root.makes(t, m{"name": name, "policy": anything})
		child := mother.makes(t, m{"name": unique(), "policy": anything})
		root.do(t, ours("DeleteCredentials"), m{"name": name}).want(t, http.StatusOK)
		again := root.makes(t, m{"name": name, "policy": anything})
		mother.untilUnknown(t)
		child.untilUnknown(t)
		again.do(t, "ListRooms", m{}).want(t, http.StatusOK)
		if o := again.do(t, ours("ListCredentials"), m{}).want(t, http.StatusOK); len(o["credentials"].([]any)) != 0 {
			t.Errorf("the new maker has %v", o)
		}
	})
	check(t, "credentials that are deleted while they make others leave none behind", func(t *testing.T) {
		name := unique()
		mother := root.makes(t, m{"name": name, "policy": anything})
		answers := make(chan *reply)
		const children = 8
		names := make([]string, children)
		for i := range names {
			names[i] = unique()
			go func() {
				answers <- mother.do(t, ours("CreateCredentials"), m{"name": names[i], "policy": anything})
			}()
		}
		root.do(t, ours("DeleteCredentials"), m{"name": name}).want(t, http.StatusOK)
		for range children {
			if r := <-answers; r.status != http.StatusOK && r.status != http.StatusForbidden {
				t.Errorf("got %d %s", r.status, r.body)
			}
		}
		for _, left := range names {
			root.do(t, ours("DeleteCredentials"), m{"name": left}).wantError(t, "ResourceNotFoundException", http.StatusNotFound)
		}
	})
	check(t, "only its makers and the root list and delete it", func(t *testing.T) {
		mother, other := maker(t), newCaller(t, manage)
		name, below := unique(), unique()+"b"
		child := mother.makes(t, m{"name": name, "policy": anything})
		child.makes(t, m{"name": below, "policy": anything})
		listed := func(c *caller) map[string]string {
			all := map[string]string{}
			next := ""
			for {
				o := c.do(t, ours("ListCredentials"), m{"maxResults": 1, "nextToken": next}).want(t, http.StatusOK)
				for _, one := range o["credentials"].([]any) {
					d := one.(map[string]any)
					wantMembers(t, d, "accessKeyId", "arn", "createTime", "createdBy", "name")
					all[d["name"].(string)] = d["createdBy"].(string)
				}
				if next, _ = o["nextToken"].(string); next == "" {
					return all
				}
			}
		}
		if all := listed(mother); len(all) != 2 || all[name] != mother.arn || all[below] != child.arn {
			t.Errorf("the maker sees %v", all)
		}
		if all := listed(child); len(all) != 1 || all[below] != child.arn {
			t.Errorf("the child sees %v", all)
		}
		if all := listed(other); len(all) != 0 {
			t.Errorf("another user sees %v", all)
		}
		for _, token := range []string{name, "zzz", "AAAAAAAAABfOtJkvzBWvog"} {
			mother.do(t, ours("ListCredentials"), m{"nextToken": token}).wantInvalid(t, "nextToken")
		}
		for _, c := range []*caller{other, child} {
			o := c.do(t, ours("DeleteCredentials"), m{"name": name}).wantError(t, "ResourceNotFoundException", http.StatusNotFound)
			if o["resourceType"] != "CREDENTIALS" {
				t.Errorf("got %v", o)
			}
		}
		mother.do(t, ours("DeleteCredentials"), m{"name": below}).want(t, http.StatusOK)
	})
	for member, members := range map[string]m{
		"name": {"name": "a b"}, "policy": {"policy": "{}"}, "durationInSeconds": {"durationInSeconds": 899},
	} {
		check(t, "CreateCredentials refuses a wrong "+member, func(t *testing.T) {
			request := m{"name": unique(), "policy": anything}
			request[member] = members[member]
			root.do(t, ours("CreateCredentials"), request).wantInvalid(t, member)
		})
	}
}
