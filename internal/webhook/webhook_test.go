package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/dns/dnsmessage"

	"confab/internal/chat"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var room = chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: "AbCdEfGhIjKl"}

func TestGuard(t *testing.T) {
	_, own, _ := net.ParseCIDR("93.184.216.34/24")
	own.IP = net.ParseIP("93.184.216.34")
	g := &Guard{
		Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")},
		Own:   func() ([]net.Addr, error) { return []net.Addr{own}, nil },
	}
	for _, address := range []string{
		"127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
		"192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1",
		"2606:4700::5efe:7f00:1", "2606:4700::200:5efe:10.0.0.1", "::ffff:0:10.0.0.1",
		"93.184.216.34", "::ffff:93.184.216.34",
	} {
		var refusal *AddressError
		if err := g.Check(netip.MustParseAddr(address)); !errors.As(err, &refusal) {
			t.Errorf("%s is allowed: %v", address, err)
		}
	}
	for _, address := range []string{"8.8.8.8", "93.184.216.35", "2606:4700::1", "10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "172.32.0.1", "100.128.0.1", "11.0.0.1"} {
		if err := g.Check(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s is refused: %v", address, err)
		}
	}
}

func FuzzGuard(f *testing.F) {
	g := &Guard{Own: func() ([]net.Addr, error) { return nil, nil }}
	f.Add("127.0.0.1:80")
	f.Add("[::ffff:7f00:1]:80")
	f.Fuzz(func(t *testing.T, address string) {
		if g.control(t.Context(), "tcp", address, nil) != nil {
			return
		}
		ip := net.IP(netip.MustParseAddrPort(address).Addr().AsSlice())
		if ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() {
			t.Errorf("%s is allowed", address)
		}
	})
}

func TestCheckURL(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://example.com/hook?a=b": true, "https://169.254.169.254/": false, "https://[::ffff:10.0.0.1]/": false, "https://[2606:4700::1]:8443/": true,
		"http://example.com/": false, "ftp://example.com/": false, "https://": false, "https://user:secret@example.com/": false, "https://example.com/#x": false,
		"example.com": false, "": false, "https:example.com": false, "https://example.com:65535/": true, "https://example.com:/": true, "https://example.com:0/": false,
		"https://example.com/a b": false, "https://example.com/\u2028": false, "https://example.com/\u0085": false, "https://example.com/\u200b": false,
		"https://example.com/\u00e4?\u6f22": true, "https://example.com:65536/": false, "https://example.com:99999999999999999999/": false, "file:///etc/passwd": false, "https://example.com/" + strings.Repeat("x", 2048): false,
	} {
		if err := CheckURL(text, false, &Guard{}); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := CheckURL("http://example.com/", true, &Guard{}); err != nil {
		t.Error(err)
	}
}

func TestEvents(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	for want, frame := range map[EventType][]byte{
		MessageSent:      (&chat.Message{ID: "1", Content: "x", SendTime: now, UserID: "ann"}).AppendJSON(nil),
		MessageDeleted:   (&chat.Event{ID: "2", Name: chat.DeleteMessageEvent, SendTime: now}).AppendJSON(nil),
		UserDisconnected: (&chat.Event{ID: "3", Name: chat.DisconnectUserEvent, SendTime: now}).AppendJSON(nil),
		EventSent:        (&chat.Event{ID: "4", Name: "goal", SendTime: now}).AppendJSON(nil),
	} {
		b, err := EncodeRecord(chat.FrameType(map[bool]string{true: "MESSAGE", false: "EVENT"}[want == MessageSent]), frame)
		var e Event
		if err == nil {
			err = json.Unmarshal(b, &e)
		}
		if err != nil || e.Type != want || e.ID == "" || e.Time != chat.FormatTime(now) || string(e.Frame) != string(frame) {
			t.Errorf("got %s and %v, want %s", b, err, want)
		}
	}
	if err := CheckEvents([]string{"message.sent", "user.waved"}); err == nil || !strings.Contains(err.Error(), `"user.waved"`) {
		t.Errorf("got %v", err)
	}
}

// local allows the receivers of tests.
var local = &Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

func TestCall(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	status := http.StatusNoContent
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		payload, _ := io.ReadAll(r.Body)
		if err := verifier.Verify(payload, r.Header); err != nil {
			t.Error(err)
		}
		var got struct {
			Type string
			Data struct {
				RoomARN string `json:"roomArn"`
				Events  []Event
			}
		}
		if err := json.Unmarshal(payload, &got); err != nil || got.Type != "confab.events" || got.Data.RoomARN != room.String() || len(got.Data.Events) != 1 || r.Header.Get("webhook-id") != "msg_1" {
			t.Errorf("got %s, %v", payload, err)
		}
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(status)
	}))
	defer s.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	c := NewCaller(local, nil, nil)
	defer c.Close()
	event := json.RawMessage(`{"type":"message.sent","id":"1"}`)
	call := func(url string, secrets ...string) (int, error) {
		return c.Call(t.Context(), Endpoint{url, secrets}, "msg_1", Payload(room.String(), []json.RawMessage{event}, time.Now()))
	}
	if got, err := call(s.URL, secret); got != http.StatusNoContent || err != nil {
		t.Errorf("got %d and %v", got, err)
	}
	t.Run("both secrets sign while one is rotated", func(t *testing.T) {
		if _, err := call(s.URL, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", secret); err != nil {
			t.Error(err)
		}
	})
	t.Run("anything but 2xx is an error, and a redirect is not followed", func(t *testing.T) {
		for _, status = range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusBadRequest, http.StatusGone, http.StatusInternalServerError} {
			before := calls.Load()
			if got, err := call(s.URL, secret); got != status || err == nil || calls.Load() != before+1 {
				t.Errorf("got %d and %v after %d calls, want %d", got, err, calls.Load()-before, status)
			}
		}
	})
	t.Run("an error does not show the URL", func(t *testing.T) {
		if _, err := call("http://127.0.0.1:1/?key=hidden", secret); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("got %v", err)
		}
	})
}

// TestForgery calls a receiver on this machine in ways that a user of the API could try.
func TestForgery(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the receiver was called") }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := NewCaller(&Guard{}, nil, nil)
	defer c.Close()
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1", "[::]"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if status, err := c.Call(ctx, Endpoint{"http://" + host + ":" + port, []string{secret}}, "1", []byte("{}")); err == nil {
			t.Errorf("%s: status %d", host, status)
		}
		cancel()
	}
}

// names is a name server that answers every question with the present addresses.
func names(t *testing.T) (r *net.Resolver, answer func(addresses ...string)) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var present atomic.Pointer[[]string]
	done := make(chan struct{})
	t.Cleanup(func() {
		socket.Close()
		<-done
	})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET}
			for _, text := range *present.Load() {
				address := netip.MustParseAddr(text)
				switch m.Questions[0].Type {
				case dnsmessage.TypeA:
					if address.Is4() {
						m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
					}
				case dnsmessage.TypeAAAA:
					if address.Is6() {
						m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
					}
				}
			}
			if packed, err := m.Pack(); err == nil {
				socket.WriteTo(packed, from) //nolint:errcheck // The resolver asks again.
			}
		}
	}()
	r = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
	return r, func(addresses ...string) { present.Store(&addresses) }
}

// TestNames calls endpoints by names, of which one changes its address after it was found
// good.
func TestNames(t *testing.T) {
	var calls atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Connection", "close") // So the next call resolves the name again.
	}))
	s.Listener.Close()
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = listener
	s.Start()
	defer s.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	resolver, answer := names(t)
	c := NewCaller(&Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}, resolver, nil)
	defer c.Close()
	call := func() error {
		_, err := c.Call(t.Context(), Endpoint{"http://endpoint.example:" + port, []string{secret}}, "1", []byte("{}"))
		return err
	}
	answer("127.0.0.2")
	if err := call(); err != nil || calls.Load() != 1 {
		t.Fatalf("the endpoint was called %d times: %v", calls.Load(), err)
	}
	for _, address := range []string{
		"127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "2002:7f00:1::",
	} {
		answer(address)
		refusal, refused := errors.AsType[*AddressError](call())
		if !refused || calls.Load() != 1 {
			t.Errorf("%s: got %v after %d calls", address, refusal, calls.Load())
		}
	}
	answer("127.0.0.2")
	if err := call(); err != nil || calls.Load() != 2 {
		t.Errorf("after the name has a good address again, there are %d calls: %v", calls.Load(), err)
	}
}
