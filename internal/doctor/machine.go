package doctor

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"confab/internal/config"
)

// Machine are the checks of the machine that a server runs on. They read, and change nothing.
type Machine struct {
	// Config is that of the server.
	Config *config.Config
	// Root is the directory in which proc and sys are; "" is /.
	Root string
	// Found is called with each finding.
	Found func(Finding) error
}

const (
	fewFiles   = 8192
	otherFiles = 1024 // what a node opens besides connections, as internal/app reserves it
	fewPlaces  = 4096
	fewPorts   = 20_000
	fewThreads = 128
	littleRAM  = 256 << 20
	mebibyte   = 1 << 20
)

// Run makes all checks, and returns how many found something to change.
func (m *Machine) Run(ctx context.Context) (failed int, err error) {
	return run(ctx, m.Found, []check{
		m.files, m.backlog, m.ports, m.memory, m.processors, m.threads, m.clock, m.data, m.disk, m.certificate, m.ioURing, m.database,
	})
}

// read returns the text of a file of proc or sys without the white space around it.
func (m *Machine) read(name string) (string, bool) {
	text, err := os.ReadFile(filepath.Join("/", m.Root, name))
	return strings.TrimSpace(string(text)), err == nil
}

// number is that of a file with a single one.
func (m *Machine) number(file string) (int64, bool) {
	text, ok := m.read(file)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// field is the nth word behind the name at the beginning of a line of a file.
func (m *Machine) field(file, name string, n int) string {
	text, _ := m.read(file)
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name); found {
			if words := strings.Fields(rest); n < len(words) {
				return words[n]
			}
		}
	}
	return ""
}

// nothing is what a check returns that does not apply.
func nothing() (Finding, bool) { return Finding{}, true }

// files checks the hard limit: the Go runtime raises the soft one.
func (m *Machine) files(context.Context) (Finding, bool) {
	const name = "open files"
	limit := m.field("proc/self/limits", "Max open files", 1)
	if limit == "unlimited" {
		return ok(name, "there is no limit")
	}
	n, err := strconv.Atoi(limit)
	if err != nil {
		return nothing()
	}
	connections := n - min(otherFiles, n/4)
	wanted := max(fewFiles, m.Config.MaxConnections+otherFiles)
	if n < wanted {
		wanted = max(wanted, 102_000)
		return bad(name, fmt.Sprintf("a process may open %d, which is enough for %d connections; the server refuses further clients", n, connections),
			fmt.Sprintf("set LimitNOFILE=%d in the systemd unit, ulimits in Compose, or run ulimit -n %d as root before confab serve", wanted, wanted)), true
	}
	return ok(name, "a process may open %d, which is enough for %d connections", n, connections)
}

func (m *Machine) backlog(context.Context) (Finding, bool) {
	const name, file = "waiting connections", "proc/sys/net/core/somaxconn"
	n, known := m.number(file)
	if !known {
		return nothing()
	}
	if n < fewPlaces {
		return bad(name, fmt.Sprintf("at most %d connections can wait to be accepted; when more clients connect at once, the others have to try again and lose a second or more", n),
			"run sysctl -w net.core.somaxconn=65535, and write net.core.somaxconn=65535 to /etc/sysctl.d/confab.conf"), true
	}
	return ok(name, "%d connections can wait to be accepted", n)
}

// ports checks the range from which the system takes ports for outgoing connections, of which
// a proxy on this machine takes one for each client.
func (m *Machine) ports(context.Context) (Finding, bool) {
	const name = "ports"
	text, _ := m.read("proc/sys/net/ipv4/ip_local_port_range")
	words := strings.Fields(text)
	if len(words) != 2 {
		return nothing()
	}
	low, errLow := strconv.Atoi(words[0])
	high, errHigh := strconv.Atoi(words[1])
	if errLow != nil || errHigh != nil {
		return nothing()
	}
	if _, port, err := net.SplitHostPort(m.Config.Listen); err == nil {
		if n, err := strconv.Atoi(port); err == nil && n >= low && n <= high && !m.reserved(n) {
			return bad(name, fmt.Sprintf("port %d of --listen is in the range for outgoing connections (%d to %d), so another program may use it when the server starts", n, low, high),
				fmt.Sprintf("run sysctl -w net.ipv4.ip_local_reserved_ports=%d, or choose another port with --listen", n)), true
		}
	}
	if n := high - low + 1; n < fewPorts {
		return bad(name, fmt.Sprintf("outgoing connections can use %d ports, so a proxy on this machine can connect at most that many clients to one server", n),
			`run sysctl -w net.ipv4.ip_local_port_range="10240 65535", and write net.ipv4.ip_local_port_range=10240 65535 to /etc/sysctl.d/confab.conf`), true
	}
	return ok(name, "outgoing connections use %d to %d", low, high)
}

// reserved reports whether outgoing connections do not get a port.
func (m *Machine) reserved(port int) bool {
	text, _ := m.read("proc/sys/net/ipv4/ip_local_reserved_ports")
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err == nil && err2 == nil && port >= from && port <= to {
			return true
		}
	}
	return false
}

// group is the least limit of the control group of this process and of those around it. The
// limits of version 1 of control groups are only seen in a container, which is its own root.
func (m *Machine) group(file, version1 string, value func(string) float64) float64 {
	path := strings.TrimPrefix(m.field("proc/self/cgroup", "0::", 0), "/")
	least := math.Inf(1)
	for {
		if text, found := m.read(filepath.Join("sys/fs/cgroup", path, file)); found {
			least = min(least, value(text))
		}
		if path == "" || path == "." {
			break
		}
		path = filepath.Dir(path)
	}
	if text, found := m.read(filepath.Join("sys/fs/cgroup", version1)); found {
		least = min(least, value(text))
	}
	return least
}

// limit reads a limit of a control group, which may be "max".
func limit(text string) float64 {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n
	}
	return math.Inf(1)
}

func (m *Machine) memory(context.Context) (Finding, bool) {
	const name = "memory"
	kilobytes, err := strconv.ParseFloat(m.field("proc/meminfo", "MemTotal:", 0), 64)
	if err != nil {
		return nothing()
	}
	total, of := kilobytes*1024, "this machine has"
	group := m.group("memory.max", "memory/memory.limit_in_bytes", limit)
	limited := group < total
	if limited {
		total, of = group, "the control group (container or systemd unit) allows"
	}
	mib := int(total / mebibyte)
	// The rest is for what the collector of garbage does not know: threads, sockets, files.
	setting := fmt.Sprintf("--max-memory %d (CONFAB_MAX_MEMORY)", mib*4/5)
	switch {
	case total < littleRAM:
		return bad(name, fmt.Sprintf("%s %d MiB, which is little: the kernel kills a server with some thousand connections", of, mib), "give the server 512 MiB or more"), true
	case m.Config.MaxMemory > mib:
		return bad(name, fmt.Sprintf("--max-memory is %d MiB, but %s %d MiB: the kernel kills the server before that is reached", m.Config.MaxMemory, of, mib), "start the server with "+setting), true
	case limited && m.Config.MaxMemory == 0:
		return bad(name, fmt.Sprintf("%s %d MiB, and --max-memory is not set: the kernel kills the server at the limit, and all clients lose their connections", of, mib), "start the server with "+setting+", so that new connections wait instead"), true
	}
	return ok(name, "%s %d MiB", of, mib)
}

func (m *Machine) processors(context.Context) (Finding, bool) {
	const name = "processors"
	allowed := m.group("cpu.max", "", func(text string) float64 {
		quota, period, _ := strings.Cut(text, " ")
		q, err := strconv.ParseFloat(quota, 64)
		p, err2 := strconv.ParseFloat(period, 64)
		if err != nil || err2 != nil || p == 0 {
			return math.Inf(1)
		}
		return q / p
	})
	switch {
	case math.IsInf(allowed, 1):
		return ok(name, "the control group has no limit")
	case allowed < 1:
		return bad(name, fmt.Sprintf("the control group allows %.2f of a processor: the server is paused each time it has used that up, and messages wait", allowed),
			"allow one processor or more: CPUQuota=100% (systemd), cpus: 1 (Compose), resources.limits.cpu: 1 or none (Kubernetes)"), true
	}
	return ok(name, "the control group allows %.2f", allowed)
}

func (m *Machine) threads(context.Context) (Finding, bool) {
	const name = "threads"
	allowed := m.group("pids.max", "pids/pids.max", limit)
	if allowed < fewThreads {
		return bad(name, fmt.Sprintf("the control group allows %.0f threads and processes: the server crashes when it needs more", allowed),
			"allow 1024: TasksMax=1024 (systemd), --pids-limit 1024 (Docker), podPidsLimit (Kubernetes)"), true
	}
	if math.IsInf(allowed, 1) {
		return ok(name, "the control group has no limit")
	}
	return ok(name, "the control group allows %.0f", allowed)
}
