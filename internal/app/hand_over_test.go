package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"confab/internal/config"
)

// links returns both ends of a link.
func links(t *testing.T) (server, successor *link) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range pair {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	server, successor = newLink(os.NewFile(uintptr(pair[0]), "server")), newLink(os.NewFile(uintptr(pair[1]), "successor"))
	t.Cleanup(func() {
		server.Close()
		successor.Close()
	})
	return server, successor
}

// succeed makes a server that has a predecessor.
func succeed(ctx context.Context, t *testing.T, dir string, l *link) (*Server, error) {
	t.Helper()
	cfg, err := config.Load(map[string]string{
		"dev": "true", "listen": "127.0.0.1:0", "admin-listen": config.AdminOff, "data-dir": dir, "drain-time": "0",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return New(ctx, cfg, slog.New(slog.DiscardHandler), &Predecessor{link: l})
}

func TestSucceed(t *testing.T) {
	t.Run("waits until the predecessor has stopped", func(t *testing.T) {
		before := start(t, nil)
		server, successor := links(t)
		go func() {
			if <-server.lines != linePrepared {
				t.Error("the successor is not prepared")
			}
			before.cancel()
			if err := <-before.done; err != nil {
				t.Error(err)
			}
			before.done <- nil
			server.tell(lineTake)
		}()
		s, err := succeed(t.Context(), t, before.cfg.DataDir, successor)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, s)
		if line := <-server.lines; line != lineServing {
			t.Errorf("the successor says %q", line)
		}
		if status, _ := get(t, r.url+"/readyz"); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	})
	t.Run("takes over from a predecessor that has ended", func(t *testing.T) {
		server, successor := links(t)
		server.Close()
		s, err := succeed(t.Context(), t, t.TempDir(), successor)
		if err != nil {
			t.Fatal(err)
		}
		run(t, s)
	})
	t.Run("can be stopped while it waits", func(t *testing.T) {
		server, successor := links(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-server.lines
			cancel()
		}()
		if _, err := succeed(ctx, t, t.TempDir(), successor); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPredecessor_Failed(t *testing.T) {
	server, successor := links(t)
	p := &Predecessor{link: successor}
	p.Failed(nil)
	p.Failed(errors.New("two\nlines"))
	if line := <-server.lines; line != lineFailed+"two lines" {
		t.Errorf("the predecessor is told %q", line)
	}
	p.tell(lineServing)
	p.Failed(errors.New("too late"))
	if line := <-server.lines; line != lineServing {
		t.Errorf("the predecessor is told %q", line)
	}
	if line, open := <-server.lines; open {
		t.Errorf("the predecessor is told %q", line)
	}
	(*Predecessor)(nil).Failed(syscall.EINVAL)
}

func TestSupervised(t *testing.T) {
	systemd := map[string]string{"SYSTEMD_EXEC_PID": "42"}
	notified := map[string]string{"SYSTEMD_EXEC_PID": "42", "NOTIFY_SOCKET": "/run/systemd/notify"}
	for _, tt := range []struct {
		pid     int
		environ map[string]string
		want    string
	}{
		{1, nil, "container"},
		{1, notified, "container"},
		{42, systemd, "Type=notify"},
		{42, notified, ""},
		{43, systemd, ""}, // It was started by a process of systemd.
	} {
		err := supervised(tt.pid, func(name string) string { return tt.environ[name] })
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("process %d with %v: %v", tt.pid, tt.environ, err)
		}
	}
}
