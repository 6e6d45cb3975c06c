package cluster_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/roomops"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
	"confab/internal/testbed/receiver"
	"confab/internal/webhookops"
)

// TestWebhooksOverNodes makes a webhook on one node and sends over all. Then that node is
// killed: the others call the endpoint from then on, and nothing that was confirmed is
// missing.
func TestWebhooksOverNodes(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Args: []string{"--webhook-insecure", "--webhook-allow", "127.0.0.0/8"}})
	nodes := c.Clients()
	room, err := nodes[0].API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Tags: map[string]string{"kind": "live"}, MaximumMessageRatePerSecond: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	r := receiver.Start(t, false)
	url := func(n int) string { return c.Nodes[n].Server().Endpoint }
	var hook webhookops.Webhook
	in := webhookops.CreateWebhookInput{
		Name: aws.String("app"), URL: &r.URL, Events: []string{"message.sent", "room.updated"},
		RoomTag: &webhookops.RoomTag{Key: aws.String("kind"), Value: aws.String("live")},
	}
	if err := process.Extension(t.Context(), url(0), "CreateWebhook", in, &hook); err != nil {
		t.Fatal(err)
	}
	r.Verify(t, *hook.Secret)
	who := receiver.Start(t, false)
	in = webhookops.CreateWebhookInput{
		Name: aws.String("who"), URL: &who.URL, Events: []string{"user.joined", "user.left", "presence.reset"}, RoomIdentifiers: []string{*room.Arn},
	}
	if err := process.Extension(t.Context(), url(1), "CreateWebhook", in, &hook); err != nil {
		t.Fatal(err)
	}
	who.Verify(t, *hook.Secret)
	for i := range 2 { // The same user, on two nodes.
		conn, err := process.Join(t.Context(), nodes[i].API, c.Nodes[i].Server().WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserId: aws.String("ann")})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		if i == 0 {
			if e := who.WaitEvents(t, 1)[0]; e.Type != "user.joined" || e.UserID != "ann" || e.Presence.Users != 1 {
				t.Errorf("got %+v", e)
			}
		}
	}
	var sent []string
	say := func(over ...int) {
		t.Helper()
		for i := range 10 {
			var m roomops.SendMessageOutput
			in := roomops.SendMessageInput{RoomIdentifier: room.Arn, UserID: aws.String("bot"), Content: aws.String(fmt.Sprint(len(sent)))}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
				err := process.Extension(t.Context(), url(over[i%len(over)]), "SendMessage", in, &m)
				if err == nil {
					break
				}
				if time.Now().After(deadline) { // The room has no home for a moment after a kill.
					t.Fatal(err)
				}
			}
			sent = append(sent, m.ID)
		}
	}
	say(0, 1, 2)
	if err := c.Nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	say(1, 2)
	if _, err := nodes[1].API.UpdateRoom(t.Context(), &ivschat.UpdateRoomInput{Identifier: room.Arn, Name: aws.String("new")}); err != nil {
		t.Fatal(err)
	}
	say(2)
	// A message that was not confirmed may be among the events, too.
	var got []string
	r.Wait(t, "all that was confirmed", func() bool {
		got = nil
		events, _ := r.Events()
		for _, e := range events {
			if e.Type == "room.updated" && e.Room["name"] == "new" {
				got = append(got, "updated")
			} else if slices.Contains(sent, e.ID) {
				got = append(got, e.ID)
			}
		}
		return len(got) > len(sent)
	})
	if want := slices.Insert(slices.Clone(sent), 20, "updated"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	who.Wait(t, "a reset with the user who is on another node", func() bool {
		events, _ := who.Events()
		return slices.ContainsFunc(events, func(e receiver.Event) bool { return e.Type == "presence.reset" && e.Presence.Users == 1 })
	})
	events, again := r.Events()
	t.Logf("%d events, %d came again", len(events), again)
}
