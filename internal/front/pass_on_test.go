package front

import (
	"net"
	"slices"
	"testing"
)

func TestListeners_Duplicate(t *testing.T) {
	l, err := Listen(t.Context(), Addresses{Main: "127.0.0.1:0", Admin: "127.0.0.1:0"}, environ())
	if err != nil {
		t.Fatal(err)
	}
	l.Main = NewQueue(t.Context(), l.Main, 0) // As a server wraps it.
	second, err := l.Duplicate()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	l.Close()
	for _, ln := range []net.Listener{second.Main, second.Admin} {
		// It waits in the backlog until it is accepted.
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if third, err := second.Duplicate(); err != nil {
		t.Errorf("not a third time: %v", err)
	} else {
		third.Close()
	}
}

func TestListeners_NotHeld(t *testing.T) {
	for names, held := range map[string]bool{nameHeld: true, nameNotHeld: false, "": true} {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		l, err := take(names, 1, func(int) (net.Listener, error) { return ln, nil })
		if err != nil || l.Held != held {
			t.Errorf("%q: held is %v, %v", names, l.Held, err)
		}
	}
}

func TestPassOnEnvironment(t *testing.T) {
	got := passOnEnvironment([]string{"A=1", "LISTEN_PID=7", "LISTEN_FDS=1", "LISTEN_FDNAMES=x", "LISTEN_FDSX=1"}, []string{"main", "confab-link"})
	want := []string{"A=1", "LISTEN_FDSX=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=main:confab-link"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestLink_none(t *testing.T) {
	for _, pairs := range [][]string{
		nil,
		{"LISTEN_FDS", "1", "LISTEN_FDNAMES", "main"},
		{"LISTEN_FDS", "1", "LISTEN_FDNAMES", "main:confab-link"},
		{"LISTEN_FDS", "many", "LISTEN_FDNAMES", "confab-link"},
	} {
		if f := Link(environ(pairs...)); f != nil {
			t.Errorf("%q has a link", pairs)
		}
	}
}
