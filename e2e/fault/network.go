//go:build linux

package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/faultproxy"
)

// Network is a network namespace per node. Each has two cables to this
// machine, which routes between them: one for clients and the database
// (10.213.<n>.0/30), one for the routes of NATS (10.214.<n>.0/30). So what
// nodes say to each other can be cut without cutting off their clients, and
// nftables can drop or reset it for each pair.
type Network struct {
	names   []string
	forward []byte // net.ipv4.ip_forward as it was
}

// clientNet has the addresses from which clients reach the nodes.
const clientNet = "10.213.0.0/16"

// Gateway is this machine's address in all namespaces.
const Gateway = "10.213.0.1"

const (
	table       = "confab_fault"
	forwardFile = "/proc/sys/net/ipv4/ip_forward"
)

// NewNetwork makes namespaces and cables for the nodes. It needs root, iproute2
// and nftables, and changes nothing else of the machine but that it forwards
// packets until Close.
func NewNetwork(ctx context.Context, nodes int) (*Network, error) {
	n := &Network{}
	var err error
	if n.forward, err = os.ReadFile(forwardFile); err != nil {
		return nil, err
	}
	// What an interrupted run has left.
	_ = n.teardown(ctx, nodes)
	if err := n.build(ctx, nodes); err != nil {
		return nil, fmt.Errorf("%w (cleaned up: %w)", err, n.Close(ctx))
	}
	return n, nil
}

func (n *Network) build(ctx context.Context, nodes int) error {
	if err := os.WriteFile(forwardFile, []byte("1"), 0o600); err != nil {
		return err
	}
	lines := []string{
		"addr add " + Gateway + "/32 dev lo",
	}
	for i := 1; i <= nodes; i++ {
		name := fmt.Sprintf("confab%d", i)
		n.names = append(n.names, name)
		lines = append(lines, "netns add "+name, "-n "+name+" link set lo up")
		for _, cable := range []struct{ name, net string }{{"c", "10.213"}, {"r", "10.214"}} {
			here, there := fmt.Sprintf("confab-%s%d", cable.name, i), cable.name+"0"
			lines = append(lines,
				fmt.Sprintf("link add %s type veth peer name %s netns %s", here, there, name),
				fmt.Sprintf("addr add %s.%d.1/30 dev %s", cable.net, i, here),
				fmt.Sprintf("-n %s addr add %s.%d.2/30 dev %s", name, cable.net, i, there),
				fmt.Sprintf("link set %s up", here), fmt.Sprintf("-n %s link set %s up", name, there))
		}
		lines = append(lines,
			fmt.Sprintf("-n %s route add default via 10.213.%d.1", name, i),
			fmt.Sprintf("-n %s route add 10.214.0.0/16 via 10.214.%d.1 src 10.214.%d.2", name, i, i))
	}
	for _, line := range lines {
		if err := run(ctx, "", "ip", strings.Fields(line)...); err != nil {
			return err
		}
	}
	return run(ctx, `table ip `+table+` {
		chain drops { }
		chain forward { type filter hook forward priority 0; policy accept; jump drops; }
		chain proxies { }
		chain prerouting { type nat hook prerouting priority -100; jump proxies; }
	}`, "nft", "-f", "-")
}

// Close takes everything away again.
func (n *Network) Close(ctx context.Context) error {
	err := n.teardown(ctx, len(n.names))
	return errors.Join(err, os.WriteFile(forwardFile, n.forward, 0o600))
}

func (n *Network) teardown(ctx context.Context, nodes int) error {
	errs := []error{
		run(ctx, "", "nft", "delete", "table", "ip", table),
		run(ctx, "", "ip", "addr", "del", Gateway+"/32", "dev", "lo"),
	}
	for i := 1; i <= nodes; i++ {
		// The cables go with the links on this side: a namespace lives on while
		// a process runs in it.
		for _, cable := range []string{"c", "r"} {
			errs = append(errs, run(ctx, "", "ip", "link", "del", fmt.Sprintf("confab-%s%d", cable, i)))
		}
		errs = append(errs, run(ctx, "", "ip", "netns", "del", fmt.Sprintf("confab%d", i)))
	}
	return errors.Join(errs...)
}

// Hosts are the places for nodes.
func (n *Network) Hosts() []cluster.Host {
	hosts := make([]cluster.Host, len(n.names))
	for i, name := range n.names {
		hosts[i] = cluster.Host{Namespace: name, Address: fmt.Sprintf("10.213.%d.2", i+1), Routes: RouteAddress(i)}
	}
	return hosts
}

// RouteAddress is the address at which node i, counted from 0, is reached by other nodes.
func RouteAddress(i int) string { return fmt.Sprintf("10.214.%d.2", i+1) }

// Drop has packets from one node to the other vanish, one way.
func (n *Network) Drop(ctx context.Context, from, to int) error {
	return n.rule(ctx, from, to, "drop")
}

// Reset has connections from one node to the other answered with a reset, one way.
func (n *Network) Reset(ctx context.Context, from, to int) error {
	return n.rule(ctx, from, to, "ip protocol tcp reject with tcp reset")
}

func (n *Network) rule(ctx context.Context, from, to int, verdict string) error {
	return run(ctx, fmt.Sprintf("add rule ip %s drops ip saddr %s ip daddr %s %s\n", table, RouteAddress(from), RouteAddress(to), verdict), "nft", "-f", "-")
}

// Unplug pulls the cable of a node's routes; clients still reach it.
func (n *Network) Unplug(ctx context.Context, node int) error {
	return run(ctx, "", "ip", "link", "set", fmt.Sprintf("confab-r%d", node+1), "down")
}

// Redirect sends new connections from one node to the routes of another to a
// port of this machine instead. Reset ends the old ones.
func (n *Network) Redirect(ctx context.Context, from, to int, port string) error {
	return run(ctx, fmt.Sprintf("add rule ip %s proxies ip saddr %s ip daddr %s tcp dport %s dnat to %s:%s\n",
		table, RouteAddress(from), RouteAddress(to), cluster.RoutePort, Gateway, port), "nft", "-f", "-")
}

// Proxies puts a proxy between each pair of nodes, in the direction in which the
// connection is made.
func (n *Network) Proxies(ctx context.Context) ([]*faultproxy.Proxy, error) {
	var all []*faultproxy.Proxy
	for from := range n.names {
		for to := range n.names {
			if from == to {
				continue
			}
			p, err := faultproxy.New(Gateway, net.JoinHostPort(RouteAddress(to), cluster.RoutePort))
			if err != nil {
				return all, err
			}
			all = append(all, p)
			if err := n.Redirect(ctx, from, to, p.Port); err != nil {
				return all, err
			}
			if err := n.Reset(ctx, from, to); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// Heal plugs all cables in and takes all rules away.
func (n *Network) Heal(ctx context.Context) error {
	errs := []error{run(ctx, fmt.Sprintf("flush chain ip %s drops\nflush chain ip %s proxies\n", table, table), "nft", "-f", "-")}
	for i := range n.names {
		errs = append(errs, run(ctx, "", "ip", "link", "set", fmt.Sprintf("confab-r%d", i+1), "up"))
	}
	return errors.Join(errs...)
}

// run runs a command of the machine's administrator.
func run(ctx context.Context, input, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // ip and nft, with the words above.
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}
