package deploy

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
)

// node is one server behind the load balancer.
type node struct {
	*server
	address string
	client  *ivschat.Client
	room    string
}

// startNode starts a server of its own, with a room.
func startNode(t *testing.T) *node {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command(binary, "serve", "--listen", address, "--admin-listen", "off", "--data-dir", t.TempDir(), "--drain-time", "3s", "--connect-rate-per-user", "0")
	cmd.Env = []string{"CONFAB_ROOT_ACCESS_KEY_ID=" + secrets["CONFAB_ROOT_ACCESS_KEY_ID"], "CONFAB_ROOT_SECRET_ACCESS_KEY=" + secrets["CONFAB_ROOT_SECRET_ACCESS_KEY"]}
	n := &node{server: startServer(t, cmd), address: address}
	n.waitFor(t, "http://"+address+"/readyz")
	n.client = ivschat.New(ivschat.Options{
		BaseEndpoint: aws.String("http://" + address), Region: "us-west-2",
		Credentials: credentials.NewStaticCredentialsProvider(secrets["CONFAB_ROOT_ACCESS_KEY_ID"], secrets["CONFAB_ROOT_SECRET_ACCESS_KEY"], ""),
	})
	room, err := n.client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	n.room = *room.Arn
	return n
}

// token makes a user of the node's room.
func (n *node) token(t *testing.T) string {
	t.Helper()
	token, err := n.client.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
		RoomIdentifier: &n.room, UserId: aws.String("viewer"), Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *token.Token
}

// connect connects the bearer of a token to an address. The response is that of
// a refusal.
func connect(t *testing.T, address, token string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, res, err := websocket.Dial(ctx, "ws://"+address, &websocket.DialOptions{Subprotocols: []string{token}})
	if err == nil {
		t.Cleanup(func() { c.CloseNow() })
	}
	return c, res, err
}

// startBalancer runs haproxy with our configuration in front of the nodes.
// Changes are pairs of patterns and what replaces them.
func startBalancer(t *testing.T, nodes []*node, changes ...string) (address string) {
	t.Helper()
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Fatal("haproxy is not installed: apt-get install haproxy")
	}
	address = freeAddress(t)
	config := readFile(t, "compose/haproxy.cfg")
	change := func(pattern, with string) {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(config) {
			t.Fatalf("haproxy.cfg has no %s", pattern)
		}
		config = re.ReplaceAllString(config, with)
	}
	change(`(?m)^    bind :8080$`, "    bind "+address)
	// A machine of tests may not allow two open files for each.
	change(`(?m)^    maxconn \d+$`, "    maxconn 1000")
	var servers strings.Builder
	for _, n := range nodes {
		name := "n" + strings.ReplaceAll(n.address, ":", "-")
		servers.WriteString("    server " + name + " " + n.address + " check\n    server " + name + "-unchecked " + n.address + " backup\n")
	}
	change(`(?m)(^    server .*\n)+`, servers.String())
	for i := 0; i < len(changes); i += 2 {
		change(changes[i], changes[i+1])
	}
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, exec.Command("haproxy", "-db", "-f", path))
	s.waitFor(t, "http://"+address+"/healthz")
	return address
}

func TestBalancer(t *testing.T) {
	t.Run("a session outlives the timeouts of requests", func(t *testing.T) {
		n := startNode(t)
		address := startBalancer(t, []*node{n}, `timeout client 70s`, `timeout client 500ms`, `timeout server 40s`, `timeout server 500ms`)
		c, _, err := connect(t, address, n.token(t)) //nolint:bodyclose // The library closes it itself.
		if err != nil {
			t.Fatal(err)
		}
		quiet, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if _, frame, err := c.Read(quiet); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read %q, %v; want quiet for three times the timeouts", frame, err)
		}
	})
	t.Run("sessions may be quiet for longer than they last", func(t *testing.T) {
		m := regexp.MustCompile(`(?m)^    timeout tunnel (\S+)$`).FindStringSubmatch(readFile(t, "compose/haproxy.cfg"))
		if m == nil {
			t.Fatal("no timeout tunnel")
		}
		if d, err := time.ParseDuration(m[1]); err != nil || d <= 180*time.Minute {
			t.Errorf("timeout tunnel %s, want more than the 180 minutes of the longest session", m[1])
		}
	})
	t.Run("a node that stops refuses no connection", func(t *testing.T) {
		leaving, staying := startNode(t), startNode(t)
		// The load balancer does not ask again, so it does not know.
		address := startBalancer(t, []*node{leaving, staying}, `default-server inter 1s`, `default-server inter 10m`)
		if _, _, err := connect(t, leaving.address, leaving.token(t)); err != nil { //nolint:bodyclose // The library closes it itself.
			t.Fatal(err)
		}
		var tokens []string
		for range 8 {
			tokens = append(tokens, staying.token(t))
		}
		if err := leaving.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		// It does not have the keys of the other node: until it stops, those tokens are
		// invalid to it.
		for {
			_, res, _ := connect(t, leaving.address, "none") //nolint:bodyclose // As above.
			if res == nil || res.StatusCode == http.StatusServiceUnavailable {
				break
			}
		}
		var clients sync.WaitGroup
		for i, token := range tokens {
			clients.Go(func() {
				if _, _, err := connect(t, address, token); err != nil { //nolint:bodyclose // The library closes it itself.
					t.Errorf("client %d: %v", i, err)
				}
			})
		}
		clients.Wait()
	})
}

// TestBalancer_sameBackend holds the load balancer of Compose against the
// configuration for HAProxy that e2e/proxy runs through restarts.
func TestBalancer_sameBackend(t *testing.T) {
	backend := func(file string) string {
		_, lines, found := strings.Cut(readFile(t, file), "\nbackend nodes\n")
		if !found {
			t.Fatalf("%s has no backend nodes", file)
		}
		lines, _, _ = strings.Cut(lines, "\n# A container")
		return strings.TrimSpace(lines)
	}
	want := regexp.MustCompile(`127\.0\.0\.1:808(\d)`).ReplaceAllString(backend("proxies/haproxy.cfg"), "node$1:8080")
	got := strings.Replace(backend("compose/haproxy.cfg"), " init-addr last,libc,none resolvers containers", "", 1)
	if got != want {
		t.Errorf("compose/haproxy.cfg has\n%s\nproxies/haproxy.cfg has\n%s", got, want)
	}
}
