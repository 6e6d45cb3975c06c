package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"confab/internal/config"
	"confab/internal/doctor"
)

// right are files of proc and sys of a machine on which nothing is to change.
var right = map[string]string{
	"proc/self/limits":                      "Limit Soft Limit Hard Limit Units\nMax processes 100 100 processes\nMax open files            1048576              1048576              files\n",
	"proc/self/cgroup":                      "0::/system.slice/confab.service\n",
	"proc/self/status":                      "Name:\tconfab\nSeccomp:\t0\n",
	"proc/meminfo":                          "MemTotal:        8000000 kB\nMemFree: 1 kB\n",
	"proc/sys/net/core/somaxconn":           "4096\n",
	"proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",

	"sys/fs/cgroup/system.slice/confab.service/memory.max": "max\n",
	"sys/fs/cgroup/system.slice/confab.service/cpu.max":    "max 100000\n",
	"sys/fs/cgroup/system.slice/pids.max":                  "4915\n",
}

// TestMachine has machines on which one thing is wrong: it is found, with what it costs and
// what changes it.
func TestMachine(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.key")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		files   map[string]string
		config  func(*config.Config)
		finding string // its check, what is seen and what to do; each must be there. None is that all is right.
	}{
		{name: "nothing"},
		{
			name: "few files", files: map[string]string{"proc/self/limits": "Max open files 1024 4096 files\n"},
			finding: "open files|a process may open 4096, which is enough for 3072 connections|LimitNOFILE=102000",
		},
		{
			name: "more connections than files", config: func(c *config.Config) { c.MaxConnections = 2_000_000 },
			finding: "open files|refuses further clients|LimitNOFILE=2001024",
		},
		{
			name: "a short queue", files: map[string]string{"proc/sys/net/core/somaxconn": "128\n"},
			finding: "waiting connections|at most 128 connections can wait|sysctl -w net.core.somaxconn=65535",
		},
		{
			name: "few ports", files: map[string]string{"proc/sys/net/ipv4/ip_local_port_range": "32768\t33767\n"},
			finding: "ports|outgoing connections can use 1000 ports|net.ipv4.ip_local_port_range",
		},
		{
			name: "an ephemeral port", config: func(c *config.Config) { c.Listen = "0.0.0.0:40000" },
			finding: "ports|40000 of --listen|sysctl -w net.ipv4.ip_local_reserved_ports=40000",
		},
		{
			name: "an ephemeral port that is reserved", config: func(c *config.Config) { c.Listen = "0.0.0.0:40000" },
			files: map[string]string{"proc/sys/net/ipv4/ip_local_reserved_ports": "33000,39999-40010\n"},
		},
		{
			name: "a limit of memory that the server does not know", files: map[string]string{"sys/fs/cgroup/system.slice/memory.max": "1073741824\n"},
			finding: "memory|allows 1024 MiB, and --max-memory is not set|--max-memory 819",
		},
		{
			name: "a limit of memory that the server knows", files: map[string]string{"sys/fs/cgroup/system.slice/memory.max": "1073741824\n"},
			config: func(c *config.Config) { c.MaxMemory = 800 },
		},
		{
			name: "more memory than there is", config: func(c *config.Config) { c.MaxMemory = 9000 },
			finding: "memory|--max-memory is 9000 MiB, but this machine has 7812|--max-memory 6249",
		},
		{
			name: "little memory, in version 1 of control groups", files: map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"},
			finding: "memory|allows 128 MiB, which is little|512 MiB or more",
		},
		{
			name: "half of a processor", files: map[string]string{"sys/fs/cgroup/system.slice/confab.service/cpu.max": "50000 100000\n"},
			finding: "processors|allows 0.50 of a processor|CPUQuota=100%",
		},
		{
			name: "few threads", files: map[string]string{"sys/fs/cgroup/pids.max": "64\n"},
			finding: "threads|allows 64|TasksMax=1024",
		},
		{
			name: "a directory that all may write to", config: func(c *config.Config) { c.DataDir = open },
			finding: "data directory|every user of this machine can replace|chmod 700",
		},
		{
			name: "no directory", config: func(c *config.Config) { c.DataDir = secret },
			finding: "data directory|is not a directory|--data-dir",
		},
		{
			name: "a key that all may read", config: func(c *config.Config) { c.DataDir = filepath.Dir(secret) },
			finding: "keys|every user of this machine can read|chmod 600",
		},
		{
			name: "a certificate that is not there", config: func(c *config.Config) { c.TLSCert, c.TLSKey = "/nowhere.pem", "/nowhere.key" },
			finding: "certificate|/nowhere.pem|--tls-cert and --tls-key",
		},
		{
			name: "PostgreSQL that is not there", config: func(c *config.Config) { c.Database = "postgres://confab:hidden@127.0.0.1:1/confab" },
			finding: "database|refused|start PostgreSQL",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for _, files := range []map[string]string{right, c.files} {
				for name, text := range files {
					file := filepath.Join(root, name)
					if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			cfg := config.Default()
			cfg.DataDir = t.TempDir()
			cfg.IOURing = config.IOURingOff
			if c.config != nil {
				c.config(cfg)
			}
			var wrong []string
			m := doctor.Machine{Config: cfg, Root: root, Found: func(f doctor.Finding) error {
				// The disk is that of the machine of the test.
				if !f.OK && f.Check != "disk" {
					wrong = append(wrong, f.Check+": "+f.Detail+": "+f.Fix)
				}
				return nil
			}}
			if _, err := m.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.finding == "" {
				if len(wrong) > 0 {
					t.Errorf("found %q, want nothing", wrong)
				}
				return
			}
			if len(wrong) != 1 {
				t.Fatalf("found %q, want one", wrong)
			}
			for part := range strings.SplitSeq(c.finding, "|") {
				if !strings.Contains(wrong[0], part) {
					t.Errorf("found %q, which has no %q", wrong[0], part)
				}
			}
			if strings.Contains(wrong[0], "hidden") {
				t.Errorf("the finding has a password: %q", wrong[0])
			}
		})
	}
}

// TestMachineItself has the machine of the test checked: each check says something, and a
// finding says what to do.
func TestMachineItself(t *testing.T) {
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	found := 0
	m := doctor.Machine{Config: cfg, Found: func(f doctor.Finding) error {
		found++
		if f.Detail == "" || !f.OK && f.Fix == "" {
			t.Errorf("%+v", f)
		}
		t.Logf("%+v", f)
		return nil
	}}
	if _, err := m.Run(t.Context()); err != nil || found == 0 {
		t.Errorf("%d findings, %v", found, err)
	}
}
