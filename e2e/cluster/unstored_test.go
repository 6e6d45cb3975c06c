package cluster_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
)

// TestDeletedWithoutDatabase deletes messages while the database cannot be written, as in the
// seconds of a failover. Rooms continue, so deletions are delivered before they are stored. Clients
// that join on another node do not get the messages, neither then nor later.
func TestDeletedWithoutDatabase(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	c := start(t, cluster.Options{Database: database})
	nodes := c.Clients()
	say := func(conn *websocket.Conn, request string) {
		t.Helper()
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(request)); err != nil {
			t.Fatal(err)
		}
	}
	type room struct {
		arn, first string
		moderator  *websocket.Conn
	}
	var rooms []room // With so many, each node is the home of some, nearly always.
	for range 6 {
		r := room{arn: newRoom(t, c.Nodes[0], map[string]string{"confab:history": "1h", "confab:history-on-join": "10"})}
		r.moderator = attend(t, nodes[0], r.arn, "moderator", types.ChatTokenCapabilitySendMessage, types.ChatTokenCapabilityDeleteMessage)
		say(r.moderator, `{"Action": "SEND_MESSAGE", "Content": "first"}`)
		_, text, err := r.moderator.Read(t.Context())
		var f frame
		if err != nil || json.Unmarshal(text, &f) != nil || f.Type != "MESSAGE" {
			t.Fatalf("%s, %v", text, err)
		}
		r.first = f.Id
		say(r.moderator, `{"Action": "SEND_MESSAGE", "Content": "second"}`)
		read(t, r.moderator, `"second"`)
		rooms = append(rooms, r)
	}

	locked := pgtest.Connect(t, database)
	for _, statement := range []string{`BEGIN`, `LOCK TABLE history_batches IN EXCLUSIVE MODE`} {
		if _, err := locked.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range rooms {
		say(r.moderator, fmt.Sprintf(`{"Action": "DELETE_MESSAGE", "Id": %q}`, r.first))
	}
	for _, r := range rooms {
		read(t, r.moderator, "aws:DELETE_MESSAGE")
	}
	for _, r := range rooms {
		for _, n := range nodes {
			read(t, attend(t, n, r.arn, "viewer"), `"second"`)
		}
	}
	if _, err := locked.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	for _, r := range rooms {
		for i, n := range c.Nodes {
			read(t, attend(t, nodes[i], r.arn, "late viewer"), `"second"`)
			lists(t, "kept", []string{"second"}, func() (contents []string) {
				var page struct {
					Messages []struct {
						Content string `json:"content"`
					} `json:"messages"`
				}
				call(t, n, "ListMessages", members{"roomIdentifier": r.arn}, &page)
				for _, m := range page.Messages {
					contents = append(contents, m.Content)
				}
				return contents
			})
		}
	}
}
