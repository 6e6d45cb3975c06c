package proxy

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// TestDoctor has the real proxies configured wrongly, by one line of the shipped file each:
// confab doctor names what is wrong and the line that mends it.
func TestDoctor(t *testing.T) {
	server := process.Serve(t, process.Options{})
	program, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	node := strings.TrimPrefix(server.Endpoint, "http://")
	for _, c := range []struct {
		proxy, name   string
		pattern, with string
		finding, fix  string // "" is none
	}{
		{proxy: "nginx", name: "as it is shipped"},
		{
			proxy: "nginx", name: "without Upgrade", pattern: `(?m)^ +proxy_set_header Upgrade .*$`,
			finding: "FIX   WebSocket: ", fix: "proxy_set_header Upgrade $http_upgrade",
		},
		{
			proxy: "nginx", name: "without Host", pattern: `(?m)^ +proxy_set_header Host .*$`,
			finding: "FIX   signature: ", fix: "let the proxy pass Host",
		},
		{
			proxy: "nginx", name: "with small bodies", pattern: `client_max_body_size 4m;`,
			finding: "FIX   large calls: a call of 4 MiB was answered 413", fix: "client_max_body_size 4m",
		},
		{
			proxy: "nginx", name: "with small headers", pattern: `large_client_header_buffers 4 16k;`, with: "client_header_buffer_size 1k; large_client_header_buffers 4 1k;",
			finding: "FIX   large tokens: ", fix: "large_client_header_buffers 4 16k",
		},
		{proxy: "haproxy", name: "as it is shipped"},
		{
			proxy: "haproxy", name: "without Upgrade", pattern: `(?m)^    default_backend nodes$`,
			with: "    http-request del-header Upgrade\n    default_backend nodes", finding: "FIX   WebSocket: ", fix: "pass them",
		},
	} {
		t.Run(c.proxy+" "+c.name, func(t *testing.T) {
			for _, p := range proxies {
				if p.name != c.proxy {
					continue
				}
				adapt := p.adapt
				p.adapt = func(t *testing.T, config, dir string, one bool) string {
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
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, program, "doctor", "--endpoint", "http://"+p.start(t, []string{node}))
				cmd.Env = []string{
					"HOME=" + t.TempDir(), "AWS_REGION=" + process.Region, "AWS_EC2_METADATA_DISABLED=true",
					"AWS_ACCESS_KEY_ID=" + process.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + process.SecretAccessKey,
				}
				out, err := cmd.CombinedOutput()
				if (err == nil) != (c.finding == "") || !strings.Contains(string(out), c.finding) || !strings.Contains(string(out), c.fix) {
					t.Errorf("%v, want %q and %q\n%s", err, c.finding, c.fix, out)
				}
			}
		})
	}
}
