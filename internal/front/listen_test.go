package front

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

func environ(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestListen(t *testing.T) {
	a := Addresses{Main: "127.0.0.1:0", Admin: "127.0.0.1:0"}
	t.Run("opens both ports", func(t *testing.T) {
		l, err := Listen(t.Context(), a, environ())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Held || l.Main.Addr().String() == l.Admin.Addr().String() {
			t.Errorf("got %+v", l)
		}
	})
	t.Run("leaves the admin port out", func(t *testing.T) {
		a := a
		a.Admin = ""
		l, err := Listen(t.Context(), a, environ())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Admin != nil {
			t.Errorf("got %v", l.Admin.Addr())
		}
	})
	t.Run("says which flag to change", func(t *testing.T) {
		taken, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		a := a
		a.Admin = taken.Addr().String()
		_, err = Listen(t.Context(), a, environ())
		if err == nil || !strings.HasSuffix(err.Error(), "address already in use; choose another address with --admin-listen") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ignores sockets for another process", func(t *testing.T) {
		l, err := Listen(t.Context(), a, environ("LISTEN_FDS", "1", "LISTEN_PID", strconv.Itoa(os.Getpid()+1)))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Held {
			t.Error("took one")
		}
	})
	t.Run("refuses an invalid count", func(t *testing.T) {
		_, err := Listen(t.Context(), a, environ("LISTEN_FDS", "many"))
		if err == nil || !strings.Contains(err.Error(), `LISTEN_FDS is "many"`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("refuses descriptors that do not listen", func(t *testing.T) {
		// It is more than a process has open, so that no descriptor of the test itself is
		// taken.
		if _, err := fileListener(1 << 20); err == nil {
			t.Error("took a descriptor that is not open")
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		if _, err := fileListener(int(w.Fd())); err == nil {
			t.Error("took a pipe")
		}
	})
}

func TestTakeSockets(t *testing.T) {
	open := func(t *testing.T, n int) []net.Listener {
		t.Helper()
		all := make([]net.Listener, n)
		for i := range all {
			ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			all[i] = ln
		}
		return all
	}
	for _, tt := range []struct {
		name        string
		sockets     int
		names       string
		main, admin int // index of the socket, -1 for none
		err         string
	}{
		{"one is the main port", 1, "", 0, -1, ""},
		{"whatever its name", 1, "confab.socket", 0, -1, ""},
		{"one named admin is the admin port", 1, "admin", -1, 0, ""},
		{"two by their names", 2, "admin:main", 1, 0, ""},
		{"two without names are too many", 2, "", 0, 0, "passes 2 sockets"},
		{"the link to the server before is none", 3, "main:admin:confab-link", 0, 1, ""},
		{"three are too many", 3, "main:admin:more", 0, 0, "passes 3 sockets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sockets := open(t, tt.sockets)
			l, err := take(tt.names, tt.sockets, func(i int) (net.Listener, error) { return sockets[i], nil })
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := func(what string, got net.Listener, i int) {
				if i < 0 && got != nil || i >= 0 && got != sockets[i] {
					t.Errorf("the %s port is %v", what, got)
				}
			}
			want("main", l.Main, tt.main)
			want("admin", l.Admin, tt.admin)
			if l.Held != (tt.main >= 0) {
				t.Errorf("held is %v", l.Held)
			}
		})
	}
}
