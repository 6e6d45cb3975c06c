package stories

import (
	"context"
	"database/sql"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/config"
	"confab/internal/testbed/process"
)

// TestRestart_heldListener restarts a server whose socket another process holds,
// as systemd does. No connection is refused meanwhile, and a client that
// was connected comes back.
func TestRestart_heldListener(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	address, socket := hold(ctx, t)
	dir := t.TempDir()

	first := startHeld(t, socket, dir)
	room := demoRoom(address)
	before := room.join(ctx, t)

	// A client calls all the time, on a new connection each time.
	calling, hangUp := context.WithCancel(ctx)
	calls := make(chan int, 1)
	go func() {
		n := 0
		for ; calling.Err() == nil; n++ {
			if err := callOnce(ctx, "http://"+address+"/healthz"); err != nil {
				t.Errorf("call %d during the restart: %v", n, err)
			}
		}
		calls <- n
	}()

	first.stop(t)
	_, frame, err := before.Read(ctx)
	if err != nil || !strings.Contains(string(frame), `"ErrorCode":401`) {
		t.Errorf("the client was told %s, %v", frame, err)
	}
	if _, _, err := before.Read(ctx); err == nil || websocket.CloseStatus(err) != -1 {
		t.Errorf("then came %v, want a lost connection without a Close", err)
	}
	// The client comes back at once, while no process accepts.
	back := make(chan *websocket.Conn, 1)
	go func() { back <- room.join(ctx, t) }()
	first.wait(t)

	second := startHeld(t, socket, dir)
	after := <-back
	if after == nil {
		t.FailNow()
	}
	if err := after.Write(ctx, websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","RequestId":"r","Content":"back"}`)); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := after.Read(ctx); err != nil || !strings.Contains(string(frame), `"Content":"back"`) {
		t.Errorf("got %s, %v", frame, err)
	}
	hangUp()
	if n := <-calls; n < 2 {
		t.Errorf("only %d calls", n)
	}
	second.stop(t)
	second.wait(t)
}

// TestStop_waiting stops a server that waits for the one before it, which continues
// serving: nothing is there to be drained, so it ends at once, and cleanly.
func TestStop_waiting(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	address, socket := hold(ctx, t)
	dir, health := t.TempDir(), "http://"+address+"/healthz"
	first := startHeld(t, socket, dir)
	if err := callOnce(ctx, health); err != nil {
		t.Fatal(err)
	}
	second := startHeld(t, socket, dir)
	second.await(t, "Waiting for the server before this one to stop")
	second.stop(t)
	second.wait(t)
	if err := callOnce(ctx, health); err != nil {
		t.Errorf("the first server: %v", err)
	}
	first.stop(t)
	first.wait(t)
}

// TestRestart_schema has a database whose schema the new program would have to migrate:
// a server that runs is not interrupted for it, by a hand-over or by a second process on
// the held socket.
func TestRestart_schema(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	address, socket := hold(ctx, t)
	dir := t.TempDir()
	first := startHeld(t, socket, dir)
	room := demoRoom(address)
	conn := room.join(ctx, t)
	db, err := sql.Open("sqlite", filepath.Join(dir, "transcript.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `DELETE FROM schema_version WHERE version_id = (SELECT max(version_id) FROM schema_version)`); err != nil {
		t.Fatal(err)
	}

	if err := first.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	first.await(t, "The hand-over failed")
	if log := first.output.String(); !strings.Contains(log, "run confab database migrate first") {
		t.Errorf("the hand-over failed for another reason:\n%s", log)
	}
	second := startHeld(t, socket, dir)
	if err := second.cmd.Wait(); err == nil {
		t.Error("a second server has succeeded")
	}
	second.await(t, "run confab database migrate first; the server before this one continues")

	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","RequestId":"r","Content":"still here"}`)); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := conn.Read(ctx); err != nil || !strings.Contains(string(frame), `"Content":"still here"`) {
		t.Errorf("got %s, %v", frame, err)
	}
	first.stop(t)
	first.wait(t)
}

// hold opens a socket for servers to inherit, and keeps it until the end of the
// test, as systemd does.
func hold(ctx context.Context, t *testing.T) (address string, socket *os.File) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	socket, err = ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return ln.Addr().String(), socket
}

// program is a server in a process of its own.
type program struct {
	cmd    *exec.Cmd
	output *process.Buffer
}

// startHeld starts a server on an inherited socket.
func startHeld(t *testing.T, socket *os.File, dir string, flags ...string) *program {
	t.Helper()
	args := append([]string{"serve", "--dev", "--data-dir", dir, "--admin-listen", "off", "--drain-time", "300ms"}, flags...)
	p := &program{cmd: exec.Command(os.Args[0], args...), output: &process.Buffer{}}
	p.cmd.Env = append(os.Environ(), runConfab+"=1", "LISTEN_FDS=1")
	p.cmd.ExtraFiles = []*os.File{socket}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill() //nolint:errcheck // Mostly it has ended long ago.
	})
	return p
}

// await waits until the server has written the line.
func (p *program) await(t *testing.T, line string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !strings.Contains(p.output.String(), line); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("the server does not say %q:\n%s", line, p.output)
		}
	}
}

func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (p *program) wait(t *testing.T) {
	t.Helper()
	late := time.AfterFunc(patience, func() { p.cmd.Process.Kill() }) //nolint:errcheck // Wait says what happened.
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, p.output)
	}
}

// callOnce makes one GET over a connection of its own.
func callOnce(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// chatRoom is the demo room of a server.
type chatRoom struct {
	url string
	api *ivschat.Client
}

// demoRoom is that of the server at the address.
func demoRoom(address string) chatRoom {
	return chatRoom{url: "ws://" + address, api: ivschat.New(ivschat.Options{
		Region:       "us-west-2",
		BaseEndpoint: aws.String("http://" + address),
		Credentials:  credentials.NewStaticCredentialsProvider(config.DevAccessKeyID, config.DevSecretAccessKey, ""),
	})}
}

// join connects to the room with a fresh token, as an official client does.
func (r chatRoom) join(ctx context.Context, t *testing.T) *websocket.Conn {
	rooms, err := r.api.ListRooms(ctx, &ivschat.ListRoomsInput{Name: aws.String("demo")})
	if err != nil {
		t.Error(err)
		return nil
	}
	c, err := process.Join(ctx, r.api, r.url, &ivschat.CreateChatTokenInput{RoomIdentifier: rooms.Rooms[0].Arn, UserId: aws.String("ann")})
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}
