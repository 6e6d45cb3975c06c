package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

// TestHistory compares a room that keeps its messages with a model of it, through messages,
// deletions, erasures, changes of the tag, messages that expire, nodes that are stopped and
// killed, connections that join and leave, and pages of the list, on one node and on three.
func TestHistory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		nodes func(t *testing.T) *cluster.Cluster
	}{
		{"one node", func(t *testing.T) *cluster.Cluster { return cluster.Serve(t, cluster.Options{Nodes: 1}) }},
		{"three nodes", func(t *testing.T) *cluster.Cluster { return start(t, cluster.Options{}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &historyModel{T: t, cluster: c.nodes(t), random: rand.New(rand.NewPCG(1, 2))}
			h.open()
			for _, node := range []*cluster.Node{h.cluster.Nodes[0], h.cluster.Nodes[len(h.cluster.Nodes)-1]} {
				for range 25 {
					h.step()
				}
				h.restart(node)
				h.checkJoin(200)
				h.checkList()
			}
			h.forget()
			for range 10 {
				h.step()
			}
			h.expire()
			h.restart(h.cluster.Nodes[0])
			for range 3 {
				h.say()
			}
			for n := range h.cluster.Nodes {
				h.checkJoinOn(n, 200)
			}
			h.checkList()
			h.checkViewers()
		})
	}
}

// historyModel is a room with history and what is known of it.
type historyModel struct {
	*testing.T
	cluster *cluster.Cluster
	random  *rand.Rand
	room    *string
	// viewers are connected to the nodes, one to each. What they have received was delivered
	// by their node.
	viewers []*onlooker
	// sent are all messages, in their order.
	sent  []*spoken
	joins int
	// expires is set if the room keeps messages for a minute only.
	expires bool
}

// spoken is a message in the model.
type spoken struct {
	id, user string
	deleted  bool
	erased   bool
	// forgotten means that the room kept nothing since. It may be seen again.
	forgotten bool
	at        time.Time // when it was sent, or shortly before
	expired   bool
}

// onlooker is a connection that gets live frames only.
type onlooker struct {
	conn *websocket.Conn
	from int // messages that were sent before it joined
	got  []string
}

// frame is what the model looks at of a frame.
type frame struct{ Type, Id, EventName string } //nolint:staticcheck // The name on the wire.

func (h *historyModel) open() {
	room, err := h.cluster.Nodes[0].Clients().API.CreateRoom(h.Context(), &ivschat.CreateRoomInput{
		MaximumMessageRatePerSecond: aws.Int32(100), Tags: map[string]string{"confab:history": "1h"},
	})
	if err != nil {
		h.Fatal(err)
	}
	h.room = room.Arn
	for n := range h.cluster.Nodes {
		h.viewers = append(h.viewers, h.view(n))
	}
}

// step does something at random.
func (h *historyModel) step() {
	switch h.random.IntN(10) {
	case 0, 1, 2, 3:
		for range 1 + h.random.IntN(4) {
			h.say()
		}
	case 4:
		h.delete()
	case 5:
		if h.random.IntN(3) == 0 {
			h.erase()
		}
	case 6, 7:
		h.checkJoin([]int{0, 1, 3, 10, 200}[h.random.IntN(5)])
	default:
		h.checkList()
	}
}

func (h *historyModel) node() int { return h.random.IntN(len(h.cluster.Nodes)) }

// call calls one of the operations that Confab adds, on any node.
func (h *historyModel) call(operation string, in map[string]any, out any) {
	h.Helper()
	if err := process.Extension(h.Context(), h.cluster.Nodes[h.node()].Server().Endpoint, operation, in, out); err != nil {
		h.Fatal(err)
	}
}

// connect joins on a node, and asks for n kept messages.
func (h *historyModel) connect(node, n int) *websocket.Conn {
	h.Helper()
	h.joins++
	clients := h.cluster.Nodes[node].Clients()
	conn, err := process.Join(h.Context(), clients.API, fmt.Sprintf("%s/?history=%d", clients.WebSocket, n), &ivschat.CreateChatTokenInput{
		RoomIdentifier: h.room, UserId: aws.String(fmt.Sprint("viewer", h.joins)),
	})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { conn.CloseNow() })
	return conn
}

func (h *historyModel) view(node int) *onlooker {
	h.Helper()
	return &onlooker{conn: h.connect(node, 0), from: len(h.sent)}
}

// read reads messages up to the frame with this id.
func (h *historyModel) read(conn *websocket.Conn, last string) (messages []string) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), 30*time.Second)
	defer cancel()
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			h.Fatalf("%v, while waiting for %s", err, last)
		}
		var f frame
		if err := json.Unmarshal(text, &f); err != nil {
			h.Fatal(err)
		}
		if f.Type == "MESSAGE" {
			messages = append(messages, f.Id)
		}
		if f.Id == last {
			return messages
		}
	}
}

// delivered waits until all nodes have delivered the frame.
func (h *historyModel) delivered(id string) {
	h.Helper()
	for _, v := range h.viewers {
		v.got = append(v.got, h.read(v.conn, id)...)
	}
}

func (h *historyModel) say() {
	h.Helper()
	m := &spoken{user: fmt.Sprint("user", h.random.IntN(4)), at: time.Now()}
	var out struct {
		ID string `json:"id"`
	}
	h.call("SendMessage", map[string]any{"roomIdentifier": *h.room, "userId": m.user, "content": fmt.Sprint("message ", len(h.sent))}, &out)
	m.id = out.ID
	h.sent = append(h.sent, m)
	h.delivered(m.id)
}

func (h *historyModel) delete() {
	h.Helper()
	if len(h.sent) == 0 {
		return
	}
	m := h.sent[h.random.IntN(len(h.sent))]
	out, err := h.cluster.Nodes[h.node()].Clients().API.DeleteMessage(h.Context(), &ivschat.DeleteMessageInput{RoomIdentifier: h.room, Id: aws.String(m.id)})
	if err != nil {
		h.Fatal(err)
	}
	m.deleted = true
	h.delivered(*out.Id)
}

func (h *historyModel) erase() {
	h.Helper()
	user := fmt.Sprint("user", h.random.IntN(4))
	in := map[string]any{"userId": user}
	if h.random.IntN(2) == 0 {
		in["roomIdentifier"] = *h.room
	}
	var out struct {
		Status string `json:"status"`
	}
	for n := 0; out.Status != "DONE"; n++ {
		if h.call("EraseUser", in, &out); n > 100 {
			h.Fatal("the erasure does not end")
		}
	}
	for _, m := range h.sent {
		m.erased = m.erased || m.user == user
	}
}

// restart stops or kills a node and starts it again.
func (h *historyModel) restart(node *cluster.Node) {
	h.Helper()
	at := slices.Index(h.cluster.Nodes, node)
	end := []func() error{node.Stop, node.Kill}[h.random.IntN(2)]
	if err := end(); err != nil {
		h.Fatal(err)
	}
	if err := node.Start(h.Context()); err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.Context(), 30*time.Second)
	defer cancel()
	if missing := h.cluster.WaitReady(ctx); missing > 0 {
		h.Fatalf("%d nodes are not ready", missing)
	}
	h.checkViewer(h.viewers[at])
	h.viewers[at] = h.view(at)
}

// forget has the room keep nothing, until all nodes know, and then keep messages again.
func (h *historyModel) forget() {
	h.Helper()
	until := time.Now().Add(time.Minute)
	h.keep("off")
	for n := range h.cluster.Nodes {
		for len(h.first(n, 200)) > 0 {
			if time.Now().After(until) {
				h.Fatal("the tag is not in force")
			}
		}
	}
	h.keep("1h")
	// A node that gives the latest message knows of it. The room's home is one of them, but
	// may have been the last to know.
	for n := range h.cluster.Nodes {
		for {
			h.say()
			if slices.Equal(h.first(n, 1), []string{h.sent[len(h.sent)-1].id}) {
				break
			}
			if time.Now().After(until) {
				h.Fatal("the tag is not in force")
			}
		}
	}
	for _, m := range h.sent {
		m.forgotten = true
	}
	h.say()
}

// keep sets how long the room keeps messages.
func (h *historyModel) keep(history string) {
	h.Helper()
	api := h.cluster.Nodes[h.node()].Clients().API
	if _, err := api.TagResource(h.Context(), &ivschat.TagResourceInput{ResourceArn: h.room, Tags: map[string]string{"confab:history": history}}); err != nil {
		h.Fatal(err)
	}
}

// expire has the room keep messages for a minute, until all that were sent so far have expired.
func (h *historyModel) expire() {
	h.Helper()
	h.say()
	last := h.sent[len(h.sent)-1]
	h.keep("1m")
	h.expires = true
	for n := range h.cluster.Nodes {
		for slices.Contains(h.first(n, 200), last.id) {
			if time.Since(last.at) > 2*time.Minute {
				h.Fatal("the messages do not expire")
			}
			time.Sleep(500 * time.Millisecond) // As clients may come; the next look decides.
		}
	}
	if age := time.Since(last.at); age < time.Minute {
		h.Fatalf("a message that is kept for a minute has expired after %s", age)
	}
	for _, m := range h.sent {
		m.expired = true
	}
}

// ages is the age from which a message of a room that keeps them for a minute may have expired when
// it is looked for, on a busy machine.
const ages = 30 * time.Second

// first returns the messages that a connection to the node gets first.
func (h *historyModel) first(node, n int) []string {
	h.Helper()
	conn := h.connect(node, n)
	defer conn.CloseNow()
	out, err := h.cluster.Nodes[h.node()].Clients().API.SendEvent(h.Context(), &ivschat.SendEventInput{RoomIdentifier: h.room, EventName: aws.String("end")})
	if err != nil {
		h.Fatal(err)
	}
	got := h.read(conn, *out.Id)
	h.delivered(*out.Id)
	return got
}

// want compares messages, in their order, with those of the model that match. At most n are
// expected, the latest; 0 is all of them.
func (h *historyModel) want(what string, got []string, n int, match func(*spoken) bool) {
	h.Helper()
	var want []string
	maybe := map[string]bool{}
	for _, m := range h.sent {
		switch {
		case m.erased || m.expired || !match(m):
		case m.forgotten || h.expires && time.Since(m.at) > ages:
			maybe[m.id] = true
		default:
			want = append(want, m.id)
		}
	}
	if n > 0 {
		want = want[max(len(want)-n, 0):]
	}
	all := got
	for len(got) > len(want) && maybe[got[0]] {
		got = got[1:]
	}
	if !slices.Equal(got, want) {
		h.Fatalf("%s: got %v, want %v of %s", what, all, want, h.describe())
	}
}

func (h *historyModel) describe() string {
	var b strings.Builder
	for _, m := range h.sent {
		fmt.Fprintf(&b, "\n%+v", *m)
	}
	return b.String()
}

func (h *historyModel) checkJoin(n int) {
	h.Helper()
	h.checkJoinOn(h.node(), n)
}

func (h *historyModel) checkJoinOn(node, n int) {
	h.Helper()
	got := h.first(node, n)
	if n == 0 {
		h.wantLast(got) // Without history, a connection may get the frames of the last moment.
		return
	}
	h.want(fmt.Sprintf("the first %d on node %d", n, node+1), got, n, func(m *spoken) bool { return !m.deleted })
}

// checkList reads all pages of a list.
func (h *historyModel) checkList() {
	h.Helper()
	in := map[string]any{"roomIdentifier": *h.room, "maxResults": 1 + h.random.IntN(40), "includeDeleted": h.random.IntN(2) == 0}
	order := []string{"NEWEST_FIRST", "OLDEST_FIRST"}[h.random.IntN(2)]
	in["order"] = order
	user := ""
	if h.random.IntN(2) == 0 {
		user = fmt.Sprint("user", h.random.IntN(4))
		in["senderUserId"] = user
	}
	var got []string
	for {
		var page struct {
			Messages []struct {
				ID string `json:"id"`
			} `json:"messages"`
			NextToken string `json:"nextToken"`
		}
		h.call("ListMessages", in, &page)
		for _, m := range page.Messages {
			got = append(got, m.ID)
		}
		if page.NextToken == "" {
			break
		}
		in["nextToken"] = page.NextToken
	}
	if order == "NEWEST_FIRST" {
		slices.Reverse(got)
	}
	h.want(fmt.Sprint("the list ", in), got, 0, func(m *spoken) bool {
		return (user == "" || m.user == user) && (in["includeDeleted"] == true || !m.deleted)
	})
}

// checkViewer compares what a viewer has received with what was sent since it joined.
func (h *historyModel) checkViewer(v *onlooker) {
	h.Helper()
	if len(v.got) < len(h.sent)-v.from {
		h.Fatalf("a viewer got %d messages of %d", len(v.got), len(h.sent)-v.from)
	}
	h.wantLast(v.got)
}

// wantLast wants live messages, the last of which was sent last.
func (h *historyModel) wantLast(got []string) {
	h.Helper()
	var want []string
	for _, m := range h.sent[max(len(h.sent)-len(got), 0):] {
		want = append(want, m.id)
	}
	if !slices.Equal(got, want) {
		h.Fatalf("got %v live, want %v of %s", got, want, h.describe())
	}
}

func (h *historyModel) checkViewers() {
	h.Helper()
	for _, v := range h.viewers {
		h.checkViewer(v)
	}
}
