package proxy

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// change is one change of a shipped file.
type change struct{ pattern, with string }

// mistakes are the usual ways to configure a proxy wrongly, and what confab doctor says of each.
var mistakes = []struct {
	name                  string
	nginx, haproxy, caddy change // without a pattern, the proxy cannot be wrong in this way
	flags                 []string
	addresses             bool // The server trusts the proxy, and the client has an address of its own.
	finding, fix          string
}{
	{
		name:    "without Upgrade",
		nginx:   change{`(?m)^ +proxy_set_header Upgrade .*$`, ""},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request del-header Upgrade\n    default_backend nodes"},
		caddy:   change{`(?m)^\t\tflush_interval -1$`, "\t\theader_up -Upgrade\n\t\theader_up -Connection"},
		finding: "FIX   WebSocket: ", fix: "proxy_set_header Upgrade $http_upgrade",
	},
	{
		name:    "with another Host",
		nginx:   change{`(?m)^ +proxy_set_header Host .*$`, ""},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request set-header Host backend.internal\n    default_backend nodes"},
		caddy:   change{`(?m)^\t\tflush_interval -1$`, "\t\theader_up Host {upstream_hostport}"},
		finding: "FIX   signature: ", fix: "let the proxy pass Host",
	},
	{
		name:    "without Authorization",
		nginx:   change{`(?m)^ +proxy_set_header Host .*$`, "proxy_set_header Host $http_host; proxy_set_header Authorization '';"},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request del-header Authorization\n    default_backend nodes"},
		caddy:   change{`(?m)^\t\tflush_interval -1$`, "\t\theader_up -Authorization"},
		finding: "FIX   signature: ", fix: "the Authorization header",
	},
	{
		// The server knows a path whose escapes a proxy has decoded.
		name:    "with decoded paths",
		nginx:   change{`proxy_pass http://confab;`, "proxy_pass http://confab/;"},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request set-path %[path,url_dec]\n    default_backend nodes"},
		caddy:   change{`(?m)^\treverse_proxy \{$`, "\trewrite * {http.request.uri.path}\n\treverse_proxy {"},
	},
	{
		name:    "without encoded slashes",
		nginx:   change{`proxy_pass http://confab;`, "if ($request_uri ~ '%2F') { return 404; } proxy_pass http://confab;"},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request deny deny_status 404 if { path -m sub %2F }\n    default_backend nodes"},
		caddy:   change{`(?m)^\treverse_proxy \{$`, "\t@encoded expression {http.request.orig_uri}.contains(\"%2F\")\n\trespond @encoded 404\n\treverse_proxy {"},
		finding: "FIX   encoded paths: ", fix: "also with encoded slashes",
	},
	{
		name:    "with another path",
		nginx:   change{`proxy_pass http://confab;`, "rewrite ^/([A-Z].*)$ /chat/$1 break; proxy_pass http://confab;"},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request set-path /chat%[path] if METH_POST\n    default_backend nodes"},
		caddy:   change{`(?m)^\treverse_proxy \{$`, "\t@calls method POST\n\trewrite @calls /chat{path}\n\treverse_proxy {"},
		finding: "FIX   signature: ", fix: "let the proxy pass Host and the path unchanged",
	},
	{
		name:    "without the chat token",
		nginx:   change{`(?m)^ +proxy_set_header Host .*$`, "proxy_set_header Host $http_host; proxy_set_header Sec-WebSocket-Protocol '';"},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request del-header Sec-WebSocket-Protocol\n    default_backend nodes"},
		caddy:   change{`(?m)^\t\tflush_interval -1$`, "\t\theader_up -Sec-WebSocket-Protocol"},
		finding: "FIX   WebSocket: ", fix: "the chat token did not arrive whole",
	},
	{
		// Caddy adds 4 KB to what its file says, which is enough here.
		name:    "with small headers",
		nginx:   change{`large_client_header_buffers 4 16k;`, "client_header_buffer_size 1k; large_client_header_buffers 4 1k;"},
		haproxy: change{`(?m)^global$`, "global\n    tune.bufsize 2048\n    tune.maxrewrite 512"},
		finding: "FIX   large tokens: ", fix: "large_client_header_buffers 4 16k",
	},
	{
		name:    "with small bodies",
		nginx:   change{`client_max_body_size 4m;`, ""},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request deny deny_status 413 if { req.hdr(content-length) -m int gt 1000000 }\n    default_backend nodes"},
		caddy:   change{`(?m)^\treverse_proxy \{$`, "\trequest_body {\n\t\tmax_size 1MB\n\t}\n\treverse_proxy {"},
		finding: "FIX   large calls: a call of 4 MiB was", fix: "client_max_body_size 4m",
	},
	{
		// This version of Caddy ends no connection because it is idle.
		name:    "with a short time-out",
		nginx:   change{`proxy_read_timeout 4h;`, "proxy_read_timeout 2s;"},
		haproxy: change{`timeout tunnel 4h`, "timeout tunnel 2s"},
		flags:   []string{"--long"},
		finding: "FIX   idle connection: a connection was closed after it was idle for", fix: "nginx: proxy_read_timeout; HAProxy: timeout tunnel",
	},
	{
		name:    "without OPTIONS",
		nginx:   change{`proxy_pass http://confab;`, "if ($request_method = OPTIONS) { return 405; } proxy_pass http://confab;"},
		haproxy: change{`(?m)^    default_backend nodes$`, "    http-request deny deny_status 405 if METH_OPTIONS\n    default_backend nodes"},
		caddy:   change{`(?m)^\treverse_proxy \{$`, "\t@options method OPTIONS\n\trespond @options 405\n\treverse_proxy {"},
		flags:   []string{"--origin", "https://app.example"},
		finding: "FIX   CORS: ", fix: "let the proxy pass OPTIONS",
	},
	{
		name:      "without the addresses of clients",
		nginx:     change{`proxy_set_header X-Forwarded-For \$remote_addr;`, "proxy_set_header X-Forwarded-For '';"},
		haproxy:   change{`(?m)^    option forwardfor$`, ""},
		caddy:     change{`header_up X-Forwarded-For \{remote_host\}`, "header_up -X-Forwarded-For"},
		addresses: true,
		finding:   "FIX   client addresses: the server does not see the address", fix: "have the proxy set X-Forwarded-For",
	},
	{
		name:      "with addresses that clients choose",
		nginx:     change{`proxy_set_header X-Forwarded-For \$remote_addr;`, "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"},
		haproxy:   change{`(?m)^    http-request del-header X-Forwarded-For\n((?:.*\n)*?)    option forwardfor$`, "    option forwardfor if-none"},
		caddy:     change{`header_up X-Forwarded-For \{remote_host\}`, "header_up X-Forwarded-For {header.X-Forwarded-For}"},
		addresses: true,
		finding:   "FIX   client addresses: the server believes an X-Forwarded-For header", fix: "header_up X-Forwarded-For {remote_host}",
	},
}

// TestDoctor has the real proxies configured wrongly, by one change of the shipped file each:
// confab doctor names what is wrong and what mends it. About the files as they are, it finds
// nothing.
func TestDoctor(t *testing.T) {
	plain := process.Serve(t, process.Options{})
	trusting := process.Serve(t, process.Options{Args: []string{"--trusted-proxies", "127.0.0.1"}})
	own := ownAddress(t)
	for _, p := range proxies {
		examine := func(t *testing.T, c change, addresses bool, flags ...string) (fixes int, out string) {
			t.Helper()
			server, wrong := plain, p
			if addresses {
				server, wrong.host = trusting, own
			}
			wrong.adapt = p.wrongly(c)
			out, err := runDoctor(t, "http://"+wrong.start(t, []string{strings.TrimPrefix(server.Endpoint, "http://")}), flags...)
			fixes = strings.Count(out, "FIX   ")
			if (err == nil) != (fixes == 0) {
				t.Errorf("%v with %d findings", err, fixes)
			}
			// Clear text to an address that is no loopback address is a finding as well.
			return fixes - strings.Count(out, "FIX   TLS: the endpoint is http://"), out
		}
		t.Run(p.name+" as it is shipped", func(t *testing.T) {
			if fixes, out := examine(t, change{}, false, "--origin", "https://app.example"); fixes != 0 {
				t.Error(out)
			}
			if own == "" {
				return
			}
			if fixes, out := examine(t, change{}, true); fixes != 0 || !strings.Contains(out, "OK    client addresses: the server sees the address "+own) {
				t.Error(out)
			}
		})
		for _, m := range mistakes {
			c := map[string]change{"nginx": m.nginx, "haproxy": m.haproxy, "caddy": m.caddy}[p.name]
			if c.pattern == "" || m.addresses && own == "" {
				continue
			}
			t.Run(p.name+" "+m.name, func(t *testing.T) {
				fixes, out := examine(t, c, m.addresses, m.flags...)
				want := 1
				if m.finding == "" {
					want = 0
				}
				if fixes != want || !strings.Contains(out, m.finding) || !strings.Contains(out, m.fix) {
					t.Errorf("%d findings, want %d, %q and %q\n%s", fixes, want, m.finding, m.fix, out)
				}
			})
		}
	}
}

// wrongly returns what adapts the shipped file and makes one change.
func (p proxy) wrongly(c change) func(t *testing.T, config, dir string, one bool) string {
	adapt := p.adapt
	return func(t *testing.T, config, dir string, one bool) string {
		t.Helper()
		config = adapt(t, config, dir, one)
		if c.pattern != "" {
			config = replace(t, config, c.pattern, c.with)
		}
		if p.name == "nginx" {
			// Its workers write large bodies into a directory of this test.
			config = "user root;\n" + config
		}
		return config
	}
}

// runDoctor runs confab doctor against a proxy and returns what it printed.
func runDoctor(t *testing.T, endpoint string, flags ...string) (string, error) {
	t.Helper()
	program, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"doctor", "--endpoint", endpoint}, flags...)...)
	cmd.Env = []string{
		"HOME=" + t.TempDir(), "AWS_REGION=" + process.Region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + process.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + process.SecretAccessKey,
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// ownAddress returns an address of this machine that is no loopback address, or "". What this
// machine sends there does not leave it.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
			return p.Addr().String()
		}
	}
	return ""
}
