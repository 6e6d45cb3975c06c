package proxy

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(pgtest.Run(m)) }

// TestProxies has one application behind each proxy: a backend with the AWS SDK,
// and official chat clients.
func TestProxies(t *testing.T) {
	official.Need(t, official.Dir)
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Run("one node, its socket held", func(t *testing.T) { p.test(t, cluster.Options{Nodes: 1, Hold: true}, stopped, handedOver) })
			t.Run("one node", func(t *testing.T) {
				ways := []way{handedOver}
				if p.waits {
					ways = append(ways, stopped)
				}
				p.test(t, cluster.Options{Nodes: 1}, ways...)
			})
			t.Run("three nodes", func(t *testing.T) {
				p.test(t, cluster.Options{Nodes: 3, Database: pgtest.Shared(t).Database(t)}, stopped, handedOver)
			})
		})
	}
}

// site is nodes behind a proxy.
type site struct {
	*cluster.Cluster
	address string
	api     *ivschat.Client
	room    string
}

// way is a way to restart a node. do returns when the node is ready again.
type way struct {
	name string
	do   func(ctx context.Context, n *cluster.Node) error
}

var (
	stopped = way{"stopped and started", func(ctx context.Context, n *cluster.Node) error {
		if err := n.Stop(); err != nil {
			return err
		}
		return n.Start(ctx)
	}}
	handedOver = way{"handed over", func(ctx context.Context, n *cluster.Node) error { return n.Server().HandOver(ctx) }}
)

func (p proxy) test(t *testing.T, o cluster.Options, ways ...way) {
	o.Args = []string{"--trusted-proxies", "127.0.0.1"}
	c := cluster.Serve(t, o)
	var nodes []string
	for _, n := range c.Clients() {
		nodes = append(nodes, strings.TrimPrefix(n.WebSocket, "ws://"))
	}
	s := &site{Cluster: c, address: p.start(t, nodes)}
	s.api = ivschat.New(ivschat.Options{
		BaseEndpoint: aws.String("http://" + s.address), Region: process.Region,
		Credentials: credentials.NewStaticCredentialsProvider(process.AccessKeyID, process.SecretAccessKey, ""),
	})
	room, err := s.api.CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	s.room = *room.Arn
	s.tags(t)
	s.largeToken(t)
	s.largeBody(t)
	s.sourceAddress(t)
	s.restarts(t, ways)
}

// tags does the operations whose path has an encoded ARN, which is signed.
func (s *site) tags(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.api.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: &s.room, Tags: map[string]string{"a b": "c/d", "x": "+=:@"}}); err != nil {
		t.Error(err)
	}
	if _, err := s.api.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: &s.room, TagKeys: []string{"a b", "unknown/+key"}}); err != nil {
		t.Error(err)
	}
	tags, err := s.api.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: &s.room})
	if err != nil || len(tags.Tags) != 1 || tags.Tags["x"] != "+=:@" {
		t.Errorf("tags %v, %v", tags, err)
	}
}

// largeToken chats with a token that holds as many attributes as there may be.
func (s *site) largeToken(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	token, err := s.api.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: &s.room, UserId: aws.String(strings.Repeat("\u00e9", 128)),
		Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
		Attributes:   map[string]string{"name": strings.Repeat("x", 1020)},
	})
	if err != nil {
		t.Fatal(err)
	}
	//nolint:bodyclose // The library closes it itself.
	conn, _, err := websocket.Dial(ctx, "ws://"+s.address+"/any/path?query=1", &websocket.DialOptions{Subprotocols: []string{*token.Token}})
	if err != nil {
		t.Fatalf("a token of %d bytes: %v", len(*token.Token), err)
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","Content":"hello"}`)); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := conn.Read(ctx); err != nil || !strings.Contains(string(frame), `"Content":"hello"`) {
		t.Errorf("read %s, %v", frame, err)
	}
}

// largeBody makes an unsigned call with a body of 250 KiB: the node refuses it,
// not the proxy.
func (s *site) largeBody(t *testing.T) {
	t.Helper()
	status, exception := s.call(t, http.DefaultClient, "/CreateRoom", bytes.Repeat([]byte(" "), 250<<10), nil)
	if exception != "MissingAuthenticationTokenException" {
		t.Errorf("status %d, %s", status, exception)
	}
}

// sourceAddress calls from an address of its own and says that it is another one.
func (s *site) sourceAddress(t *testing.T) {
	t.Helper()
	const mine, pretended = "127.0.0.77", "203.0.113.9"
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(mine)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	s.call(t, client, "/ListRooms", nil, http.Header{"X-Forwarded-For": {pretended}, "X-Real-Ip": {pretended}, "Forwarded": {"for=" + pretended}})
	log := func() string {
		var all strings.Builder
		for _, n := range s.Nodes {
			all.WriteString(n.Log())
		}
		return all.String()
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !strings.Contains(log(), `"source_ip":"`+mine+`"`); <-tick.C {
		if time.Now().After(deadline) {
			t.Errorf("no node logs the address %s", mine)
			break
		}
	}
	if strings.Contains(log(), pretended) {
		t.Errorf("a node believes that the client is %s", pretended)
	}
}

// call makes an unsigned call through the proxy and returns how it is refused.
func (s *site) call(t *testing.T, client *http.Client, path string, body []byte, header http.Header) (status int, exception string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header.Get("X-Amzn-Errortype")
}

// restarts restarts every node in each way. Official clients come back by themselves, and
// no call of the backend fails.
func (s *site) restarts(t *testing.T, ways []way) {
	t.Helper()
	clients := official.Start(t, official.Environment("http://"+s.address, "ws://"+s.address), s.room, 9)
	clients.Chat(t, "before")
	calling, hangUp := context.WithCancel(t.Context())
	calls, longest := 0, time.Duration(0)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ; calling.Err() == nil; calls++ {
			begin := time.Now()
			if _, err := s.api.ListRooms(calling, &ivschat.ListRoomsInput{}); err != nil && calling.Err() == nil {
				t.Errorf("call %d, during a restart: %v", calls, err)
				return
			}
			longest = max(longest, time.Since(begin))
		}
	}()
	for _, w := range ways {
		for _, n := range s.Nodes {
			begin := time.Now()
			if err := w.do(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			ready := time.Now()
			clients.SomeConnectAgain(t)
			t.Logf("%s %s within %s, all clients back %s after that", n.Name, w.name,
				ready.Sub(begin).Round(time.Millisecond), time.Since(ready).Round(time.Millisecond))
			clients.Chat(t, w.name+": "+n.Name)
		}
	}
	hangUp()
	<-ended
	t.Logf("%d calls, the longest took %s", calls, longest.Round(time.Millisecond))
}
