package cluster_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/smithy-go"

	"confab/internal/serverops"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

// boundedOverNodes has one node make credentials, and another make credentials with them.
// They hold on all nodes, and end on all with the first.
func boundedOverNodes(t *testing.T, c *cluster.Cluster) {
	const lists = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ivschat:ListRooms","confab:CreateCredentials"],"Resource":"*"}]}`
	const anything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	var mother, child, again serverops.CreateCredentialsOutput
	call(t, c.Nodes[0], "CreateCredentials", members{"name": "mother", "policy": lists}, &mother)
	// code is the error of a request on a node; "" if it was allowed.
	code := func(n *cluster.Node, key *serverops.CreateCredentialsOutput, request func(api *ivschat.Client) error) string {
		t.Helper()
		err := request(n.Server().APIOf(key.AccessKeyID, key.SecretAccessKey))
		if failed, ok := errors.AsType[smithy.APIError](err); ok {
			return failed.ErrorCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return ""
	}
	list := func(api *ivschat.Client) error {
		_, err := api.ListRooms(t.Context(), &ivschat.ListRoomsInput{})
		return err
	}
	create := func(api *ivschat.Client) error {
		_, err := api.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
		return err
	}
	until := func(want string, key *serverops.CreateCredentialsOutput, request func(api *ivschat.Client) error) {
		t.Helper()
		var got []string
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			got = nil
			for _, n := range c.Nodes {
				got = append(got, code(n, key, request))
			}
			if !slices.ContainsFunc(got, func(one string) bool { return one != want }) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the nodes answer %q, want %q", got, want)
			}
		}
	}
	until("", &mother, list)
	by := process.Caller{AccessKeyID: mother.AccessKeyID, SecretAccessKey: mother.SecretAccessKey}
	if err := by.Extension(t.Context(), c.Nodes[1].Server().Endpoint, "CreateCredentials", members{"name": "child", "policy": anything}, &child); err != nil {
		t.Fatal(err)
	}
	until("", &child, list)
	until("AccessDeniedException", &child, create)
	call(t, c.Nodes[2], "DeleteCredentials", members{"name": "mother"}, &struct{}{})
	call(t, c.Nodes[2], "CreateCredentials", members{"name": "mother", "policy": anything}, &again)
	until("UnrecognizedClientException", &mother, list)
	until("UnrecognizedClientException", &child, list)
	until("", &again, create)
}
