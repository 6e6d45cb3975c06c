// Package doctor checks whether clients can use a server: names, certificates, clocks, and
// the proxies in between. It connects, sends and receives as a client does. Machine checks
// the server's own machine.
package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/command"
)

// Options say what is checked.
type Options struct {
	API *command.API
	// URL is the endpoint of the API.
	URL string
	// Room is the ARN of the room to connect to; if it is "", a room is created and deleted.
	Room string
	// Origin is the origin of a web page that calls the API; "" skips the checks of origins.
	Origin string
	// Long also checks a connection that is idle for a minute.
	Long bool
	// Found is called with each finding.
	Found func(Finding) error
}

// Finding is the result of one check.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was seen
	Fix    string `json:"fix,omitzero"`
}

const (
	checkTime = 15 * time.Second
	// mostSkew is what Signature Version 4 allows, and someSkew what is worth a look.
	mostSkew = 5 * time.Minute
	someSkew = 30 * time.Second
	// soonExpired is the rest of a certificate's life that is worth a look.
	soonExpired = 7 * 24 * time.Hour
)

type patient struct {
	Options
	url           *url.URL
	local, remote netip.Addr // the ends of a connection to the server, or to its proxy
	made          bool       // the room is one of the doctor's own
	conn          *websocket.Conn
	lost          <-chan struct{} // is closed when conn ends
}

// Run makes all checks, and returns how many failed. If a check fails that the following
// ones need, it is the last.
func Run(ctx context.Context, o Options) (failed int, err error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return 0, err
	}
	p := &patient{Options: o, url: u}
	defer func() {
		if p.conn != nil {
			p.conn.CloseNow()
		}
		p.deleteRoom(ctx)
	}()
	return run(ctx, o.Found, []check{
		p.name, p.certificate, p.clock, p.cors, p.signature, p.body,
		p.makeRoom, p.encoded, p.chat, p.large, p.idle, p.address,
	})
}

// check returns a finding, and whether the following checks make sense. A Finding without a
// name is left out.
type check func(context.Context) (f Finding, goOn bool)

func run(ctx context.Context, found func(Finding) error, checks []check) (failed int, err error) {
	for _, check := range checks {
		f, goOn := check(ctx)
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		if f.Check == "" {
			continue
		}
		if !f.OK {
			failed++
		}
		if err := found(f); err != nil {
			return failed, err
		}
		if !goOn {
			break
		}
	}
	return failed, nil
}

func ok(check, format string, args ...any) (Finding, bool) {
	return Finding{Check: check, OK: true, Detail: fmt.Sprintf(format, args...)}, true
}

func bad(check, detail, fix string) Finding { return Finding{Check: check, Detail: detail, Fix: fix} }

// name looks the host up, and connects to its port.
func (p *patient) name(ctx context.Context) (Finding, bool) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, p.url.Hostname())
	if err != nil {
		return bad("address", err.Error(), "correct the endpoint, or the DNS record of its host"), false
	}
	port := p.url.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[p.url.Scheme]
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(p.url.Hostname(), port))
	if err != nil {
		return bad("address", err.Error(), "start the server, correct the port, or open it in the firewall"), false
	}
	if local, isTCP := conn.LocalAddr().(*net.TCPAddr); isTCP {
		p.local = local.AddrPort().Addr().Unmap().WithZone("")
	}
	if remote, isTCP := conn.RemoteAddr().(*net.TCPAddr); isTCP {
		p.remote = remote.AddrPort().Addr().Unmap().WithZone("")
	}
	conn.Close()
	return ok("address", "%s resolves to %s, and port %s accepts connections", p.url.Hostname(), strings.Join(addresses, ", "), port)
}

// certificate makes a TLS handshake.
func (p *patient) certificate(ctx context.Context) (Finding, bool) {
	if p.url.Scheme != "https" {
		if p.API.Loopback() {
			return Finding{}, true
		}
		return bad("TLS", "the endpoint is http://: chat tokens and messages travel in clear text", "start the server with --tls-cert and --tls-key, or put a proxy with a certificate in front of it, and use https://"), true
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	address := p.url.Host
	if p.url.Port() == "" {
		address += ":443"
	}
	dialer := &tls.Dialer{}
	if transport, ok := p.API.HTTP().Transport.(*http.Transport); ok && transport.TLSClientConfig != nil {
		dialer.Config = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return bad("TLS", err.Error(), "install a certificate for this host with its whole chain, from an authority that clients know; if it is an authority of your own, name its certificate in AWS_CA_BUNDLE"), false
	}
	defer conn.Close()
	secure, isTLS := conn.(*tls.Conn)
	if !isTLS {
		return Finding{}, true
	}
	until := secure.ConnectionState().PeerCertificates[0].NotAfter
	if time.Until(until) < soonExpired {
		return bad("TLS", "the certificate expires at "+until.UTC().Format(time.DateTime)+" UTC", "renew it, then send the server SIGHUP (kill -HUP), or reload the proxy that has it"), true
	}
	return ok("TLS", "the certificate is valid until %s", until.UTC().Format(time.DateOnly))
}

// clock compares the clocks before any SDK corrects the difference.
func (p *patient) clock(ctx context.Context) (Finding, bool) {
	res, err := p.get(ctx, http.MethodGet, "/healthz", nil)
	if err != nil {
		return bad("clock", err.Error(), "check that the endpoint is the URL of the server or of its proxy"), false
	}
	defer res.Body.Close()
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return bad("clock", "the answer has no Date header", "let the proxy pass the Date header"), true
	}
	skew := time.Since(theirs).Abs()
	if skew > someSkew {
		fix := "set the clocks by NTP (timedatectl set-ntp true): the server refuses signed calls when they differ by more than 5 minutes"
		return bad("clock", fmt.Sprintf("this machine and the server differ by %s", skew.Round(time.Second)), fix), skew < mostSkew
	}
	return ok("clock", "this machine and the server differ by less than %s", someSkew)
}

// cors asks as a browser does before it lets a page call the API.
func (p *patient) cors(ctx context.Context) (Finding, bool) {
	if p.Origin == "" {
		return Finding{}, true
	}
	res, err := p.get(ctx, http.MethodOptions, "/CreateChatToken", map[string]string{
		"Origin": p.Origin, "Access-Control-Request-Method": "POST",
		"Access-Control-Request-Headers": "authorization,content-type,x-amz-date",
	})
	if err != nil {
		return bad("CORS", err.Error(), "let the proxy pass OPTIONS"), true
	}
	defer res.Body.Close()
	if allowed := res.Header.Get("Access-Control-Allow-Origin"); allowed != "*" && allowed != p.Origin {
		return bad("CORS", fmt.Sprintf("pages of %s may not call the API (Access-Control-Allow-Origin %q, status %d)", p.Origin, allowed, res.StatusCode), "add the origin with --cors-origins, and let the proxy pass OPTIONS and the Access-Control headers"), true
	}
	return ok("CORS", "pages of %s may call the API", p.Origin)
}

func (p *patient) get(ctx context.Context, method, path string, headers map[string]string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.URL, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	client := &http.Client{Transport: p.API.HTTP().Transport, Timeout: checkTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(r)
}

// signature makes a signed call.
func (p *patient) signature(ctx context.Context) (Finding, bool) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	begin := time.Now()
	_, err := p.API.ListRooms(ctx, &ivschat.ListRoomsInput{MaxResults: new(int32(1))})
	code := command.Code(err)
	switch {
	case err == nil || code == "AccessDeniedException":
		return ok("signature", "a signed call was answered in %s", time.Since(begin).Round(time.Millisecond))
	case code == "InvalidSignatureException" || code == "SignatureDoesNotMatch":
		return bad("signature", p.API.Explain(err).Error(), "let the proxy pass Host and the path unchanged; check the secret key and the region"), false
	}
	return bad("signature", p.API.Explain(err).Error(), "let the proxy pass all paths, the Authorization header and the x-amz- headers to the server"), false
}
