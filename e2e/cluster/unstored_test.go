package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestJoinsWithoutDatabase takes the history away while people join: they join without it, get what
// is said since, and the node says so in its log and a metric. Later they get the history again.
func TestJoinsWithoutDatabase(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	c := start(t, cluster.Options{Database: database})
	nodes := c.Clients()
	room := newRoom(t, c.Nodes[0], map[string]string{"confab:history": "1h", "confab:history-on-join": "200"})
	speaker := attend(t, nodes[0], room, "speaker", types.ChatTokenCapabilitySendMessage)
	say := func(content string) {
		t.Helper()
		if err := speaker.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"Action": "SEND_MESSAGE", "Content": %q}`, content)); err != nil {
			t.Fatal(err)
		}
	}
	say("first")
	read(t, speaker, `"first"`)

	locked := pgtest.Connect(t, database)
	for _, statement := range []string{`BEGIN`, `LOCK TABLE history_batches IN ACCESS EXCLUSIVE MODE`} {
		if _, err := locked.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	// These nodes have not read the history of the room before.
	away := []int{1, 2}
	var viewers []*websocket.Conn
	for _, n := range away {
		viewers = append(viewers, attend(t, nodes[n], room, "viewer"))
	}
	say("second")
	for _, v := range viewers {
		read(t, v, `"second"`)
	}
	if _, err := locked.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	for _, n := range away {
		server := c.Nodes[n].Server()
		if failed := server.Metric(t, "confab_history_unavailable_total"); failed == 0 {
			t.Errorf("%s counts no failed read", c.Nodes[n].Name)
		}
		if !strings.Contains(server.Log(), "Clients join without history, which could not be read") {
			t.Errorf("the log of %s does not say that clients join without history", c.Nodes[n].Name)
		}
		for late := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			viewer := attend(t, nodes[n], room, "late viewer")
			say("end")
			var got []string
			for !slices.Contains(got, "end") {
				got = append(got, contentOf(t, viewer))
			}
			viewer.CloseNow()
			if len(got) > 2 && slices.Equal(got[:2], []string{"first", "second"}) {
				break
			}
			if time.Now().After(late) {
				t.Fatalf("when the database is back, %s gives %q first", c.Nodes[n].Name, got)
			}
		}
	}
}

// contentOf returns the content of the next frame.
func contentOf(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	_, text, err := conn.Read(t.Context())
	var f struct{ Content string }
	if err != nil || json.Unmarshal(text, &f) != nil {
		t.Fatalf("%s, %v", text, err)
	}
	return f.Content
}
