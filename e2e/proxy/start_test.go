package proxy

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// shipped is the folder of the configurations under test.
const shipped = "../../deploy/proxies/"

// patience is how long a proxy may take to start, and a client to be served.
const patience = 30 * time.Second

// A proxy is one of the shipped configurations.
type proxy struct {
	name string
	file string
	// listen is what the file says about its port.
	listen string
	// host is the address that it listens on, if it is not 127.0.0.1.
	host string
	// waits says that clients wait while the only node is away. Behind a proxy that
	// does not, the node needs a held socket.
	waits bool
	// adapt changes what a machine of tests needs otherwise; one says that there is
	// one node, for which the file says what to do.
	adapt func(t *testing.T, config, dir string, one bool) string
	// command runs the proxy in the foreground.
	command func(file string) []string
}

var proxies = []proxy{
	{
		name: "nginx", file: "nginx.conf", listen: "listen 8080;",
		adapt: func(t *testing.T, config, dir string, one bool) string {
			config = replace(t, config, `/run/nginx\.pid`, dir+"/nginx.pid")
			config = replace(t, config, `/var/log/nginx/`, dir+"/")
			config = replace(t, config, `(?m)^worker_rlimit_nofile .*$`, "")
			config = replace(t, config, `worker_connections \d+`, "worker_connections 500")
			config = replace(t, config, `(?m)^http \{$`, fmt.Sprintf("http {\nclient_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;"+
				" fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;", dir))
			if one {
				config = replace(t, config, `(?m)^ +server 127\.0\.0\.1:808[23] .*\n`, "")
			}
			return config
		},
		command: func(file string) []string { return []string{"nginx", "-c", file, "-g", "daemon off;"} },
	},
	{
		name: "haproxy", file: "haproxy.cfg", listen: "bind :8080", waits: true,
		adapt: func(t *testing.T, config, _ string, one bool) string {
			config = replace(t, config, `(?m)^    maxconn \d+$`, "    maxconn 500")
			if one {
				config = replace(t, config, `(?m)^    server node[23].*\n`, "")
			}
			return config
		},
		command: func(file string) []string { return []string{"haproxy", "-db", "-f", file} },
	},
	{
		name: "caddy", file: "Caddyfile", listen: ":8080 {", waits: true,
		adapt: func(t *testing.T, config, _ string, one bool) string {
			if one {
				config = replace(t, config, ` 127\.0\.0\.1:8082 127\.0\.0\.1:8083`, "")
				config = replace(t, config, `(?m)^\t+health_.*\n`, "")
			}
			return config
		},
		command: func(file string) []string {
			return []string{"caddy", "run", "--adapter", "caddyfile", "--config", file}
		},
	},
}

// replace is for what the shipped file must have.
func replace(t *testing.T, config, pattern, with string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	if !re.MatchString(config) {
		t.Fatalf("the configuration has no %s", pattern)
	}
	return re.ReplaceAllLiteralString(config, with)
}

// start runs the proxy in front of the nodes and returns its address.
func (p proxy) start(t *testing.T, nodes []string) (address string) {
	t.Helper()
	text, err := os.ReadFile(shipped + p.file)
	if err != nil {
		t.Fatal(err)
	}
	if address, err = process.FreeAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.host != "" {
		address = strings.Replace(address, "127.0.0.1", p.host, 1)
	}
	dir := t.TempDir()
	config := p.adapt(t, string(text), dir, len(nodes) == 1)
	listen := strings.Replace(p.listen, ":8080", address, 1)
	if listen == p.listen {
		listen = strings.Replace(p.listen, "8080", address, 1)
	}
	if p.name == "caddy" {
		listen = "http://" + listen
	}
	config = replace(t, config, `(?m)`+regexp.QuoteMeta(p.listen), listen)
	for i, node := range nodes {
		config = replace(t, config, fmt.Sprintf(`127\.0\.0\.1:808%d\b`, i+1), node)
	}
	file := filepath.Join(dir, p.file)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := p.command(file)
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Fatalf("%s is not installed: run \"make setup\"", args[0])
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	output := &process.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() //nolint:errcheck // It ends by a signal of ours, or its output says why.
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // It may have ended.
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill() //nolint:errcheck // As above.
			<-ended
		}
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, process.Tail(output.String()))
		}
	})
	waitFor(t, "http://"+address+"/healthz", ended)
	return address
}

// waitFor waits until the URL answers 200.
func waitFor(t *testing.T, url string, ended <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ended:
			t.Fatal("the proxy has ended")
		case <-ctx.Done():
			t.Fatalf("%s does not answer 200: %v", url, err)
		case <-tick.C:
		}
	}
}
