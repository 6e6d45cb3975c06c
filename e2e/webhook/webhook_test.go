// Package webhook tests the promises of webhooks with the built binary: no event is lost and
// the order is kept, also after kill -9 and with endpoints that fail.
package webhook

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/roomops"
	"confab/internal/testbed/process"
	"confab/internal/testbed/receiver"
	"confab/internal/webhookops"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

var local = []string{"--webhook-insecure", "--webhook-allow", "127.0.0.0/8"}

func newRoom(t *testing.T, s *process.Server) string {
	t.Helper()
	room, err := s.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	return *room.Arn
}

func newHook(t *testing.T, s *process.Server, url string, in webhookops.CreateWebhookInput) webhookops.Webhook {
	t.Helper()
	in.Name, in.URL = aws.String("app"), &url
	if in.Events == nil {
		in.Events = []string{"message.sent"}
	}
	var hook webhookops.Webhook
	if err := process.Extension(t.Context(), s.Endpoint, "CreateWebhook", in, &hook); err != nil {
		t.Fatal(err)
	}
	return hook
}

func send(ctx context.Context, s *process.Server, room, user, text string) (id string, err error) {
	var sent roomops.SendMessageOutput
	err = process.Extension(ctx, s.Endpoint, "SendMessage", roomops.SendMessageInput{RoomIdentifier: &room, UserID: &user, Content: &text}, &sent)
	return sent.ID, err
}

// TestKill kills the server four times while messages are sent and the endpoint fails now
// and then. Every message that was confirmed is told, and those of one sender in their
// order.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := process.Serve(t, process.Options{DataDir: dir, Args: local})
	room := newRoom(t, s)
	r := receiver.Start(t, false)
	r.Answer(func(n int, _ *receiver.Call) int {
		if n%5 == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	hook := newHook(t, s, r.URL, webhookops.CreateWebhookInput{RoomIdentifiers: []string{room}})
	r.Verify(t, *hook.Secret)
	const senders, kills, each = 3, 4, 15
	var mu sync.Mutex
	confirmed := make([][]string, senders)
	for round := range kills {
		if round > 0 {
			s = process.Serve(t, process.Options{DataDir: dir, Args: local})
		}
		var all sync.WaitGroup
		var killed atomic.Bool
		enough := make(chan struct{})
		stop := sync.OnceFunc(func() { close(enough) })
		for n := range senders {
			all.Go(func() {
				defer stop()
				for i := 0; ; i++ {
					id, err := send(t.Context(), s, room, fmt.Sprintf("sender%d", n), fmt.Sprintf("%d.%d", round, i))
					if err != nil {
						if !killed.Load() {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					confirmed[n] = append(confirmed[n], id)
					mu.Unlock()
					if n == 0 && i == each {
						stop()
					}
				}
			})
		}
		<-enough
		killed.Store(true)
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		all.Wait()
	}
	process.Serve(t, process.Options{DataDir: dir, Args: local})
	r.Answer(nil)
	want := slices.Concat(confirmed...)
	place := map[string]int{}
	r.Wait(t, "all that was confirmed", func() bool {
		events, _ := r.Events()
		for i, e := range events {
			place[e.ID] = i
		}
		return !slices.ContainsFunc(want, func(id string) bool { _, told := place[id]; return !told })
	})
	for n, ids := range confirmed {
		if !slices.IsSortedFunc(ids, func(a, b string) int { return place[a] - place[b] }) {
			t.Errorf("the messages of sender %d came out of order", n)
		}
	}
	_, again := r.Events()
	t.Logf("%d messages confirmed, all told; %d events came again after %d kills", len(want), again, kills)
}

// TestEndpoints has endpoints that answer wrongly, hang or are not allowed beside one that
// works.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{DataDir: t.TempDir(), Args: []string{"--webhook-insecure", "--webhook-allow", "127.0.0.1/32"}})
	room := newRoom(t, s)
	var never [2]*receiver.Receiver
	for i := range never {
		never[i] = receiver.Start(t, false)
		never[i].Answer(func(int, *receiver.Call) int { t.Error("it was called"); return http.StatusOK })
	}
	hangs, redirects, works := receiver.Start(t, false), receiver.Start(t, false), receiver.Start(t, false)
	release := make(chan struct{})
	defer close(release)
	hangs.Answer(func(int, *receiver.Call) int { <-release; return http.StatusOK })
	redirects.Answer(func(int, *receiver.Call) int { return http.StatusTemporaryRedirect })
	port := func(r *receiver.Receiver) string { return r.URL[strings.LastIndexByte(r.URL, ':'):] }
	selects := webhookops.CreateWebhookInput{RoomIdentifiers: []string{room}}
	newHook(t, s, hangs.URL, selects)
	redirected := newHook(t, s, redirects.URL, selects)
	forged := newHook(t, s, "http://127.0.0.2.nip.invalid"+port(never[0]), selects)
	hook := newHook(t, s, works.URL, selects)
	works.Verify(t, *hook.Secret)
	var sent []string
	for i := range 20 {
		id, err := send(t.Context(), s, room, "ann", fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, id)
	}
	for i, e := range works.WaitEvents(t, len(sent)) {
		if e.ID != sent[i] || e.RoomARN != room {
			t.Errorf("event %d is %+v, want %s", i, e, sent[i])
		}
	}
	for id, want := range map[string]string{redirected.ID: "redirect 307, which is not followed", forged.ID: "cannot be resolved"} {
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			var shown webhookops.Webhook
			if err := process.Extension(t.Context(), s.Endpoint, "GetWebhook", webhookops.GetWebhookInput{ID: &id}, &shown); err != nil {
				t.Fatal(err)
			}
			if shown.State == "FAILING" && strings.Contains(*shown.LastError, want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("it shows %+v, want %q", shown, want)
			}
		}
	}
	for _, host := range []string{"127.0.0.2", "[::1]", "[::ffff:169.254.169.254]", "169.254.169.254", "10.0.0.1"} {
		in := webhookops.CreateWebhookInput{Name: aws.String("app"), URL: aws.String("http://" + host + port(never[1])), Events: []string{"message.sent"}}
		if err := process.Extension(t.Context(), s.Endpoint, "CreateWebhook", in, &webhookops.Webhook{}); err == nil || !strings.Contains(err.Error(), "public address") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestAttendance kills the server, and lets it hand over, while a user is in a room: the
// next process says that who was there is void, and who has come back.
func TestAttendance(t *testing.T) {
	t.Parallel()
	o := process.Options{DataDir: t.TempDir(), Args: local}
	s := process.Serve(t, o)
	room, r := newRoom(t, s), receiver.Start(t, false)
	hook := newHook(t, s, r.URL, webhookops.CreateWebhookInput{Events: []string{"user.joined", "user.left", "presence.reset"}, RoomIdentifiers: []string{room}})
	r.Verify(t, *hook.Secret)
	enter := func(user string) {
		t.Helper()
		conn, err := process.Join(t.Context(), s.API(), s.WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: &room, UserId: &user})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.CloseNow() })
	}
	want := func(lines ...string) {
		t.Helper()
		var got []string
		r.Wait(t, fmt.Sprint(lines), func() bool {
			got = nil
			events, _ := r.Events()
			for _, e := range events {
				got = append(got, fmt.Sprintf("%s %s %d", e.Type, e.UserID, e.Presence.Users))
			}
			return len(got) >= len(lines)
		})
		if !slices.Equal(got, lines) {
			t.Errorf("got %q, want %q", got, lines)
		}
	}
	enter("ann")
	want("user.joined ann 1")
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	s = process.Serve(t, o)
	want("user.joined ann 1", "presence.reset  0")
	enter("bob")
	want("user.joined ann 1", "presence.reset  0", "user.joined bob 1")
	if err := s.HandOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("user.joined ann 1", "presence.reset  0", "user.joined bob 1", "presence.reset  0")
}
