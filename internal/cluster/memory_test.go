package cluster_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// network is a Transport for several nodes in memory, with faults: messages are
// late, lost, or cannot pass between two nodes.
type network struct {
	// mu guards everything below.
	mu    sync.Mutex
	ports map[string]*port
	links map[[2]string]*link
	cut   map[[2]string]bool
	// lose says which messages are lost besides; nil loses none.
	lose func(from, to, subject string) bool
	// loss is how many of a thousand messages are lost, delay how late they are
	// at most.
	loss  int
	delay time.Duration
	rand  *rand.Rand
	ctx   context.Context
}

// newNetwork makes a network that lasts as long as the test. In a bubble of
// synctest what is on its way at the end has to arrive first.
func newNetwork(t testing.TB, seed uint64) *network {
	t.Cleanup(func() { time.Sleep(time.Second) })
	return &network{
		ctx: t.Context(), rand: rand.New(rand.NewPCG(seed, seed)),
		ports: map[string]*port{}, links: map[[2]string]*link{}, cut: map[[2]string]bool{},
	}
}

// port is one node's end of the network.
type port struct {
	network *network
	name    string
	mu      sync.Mutex
	handle  map[string]func(string, []byte, func([]byte))
	dead    bool
	// running is closed unless the node's process is stopped.
	running chan struct{}
	// held are the messages that it was about to send when it was stopped.
	held []func()
}

// stop halts the node as SIGSTOP halts a process: its heartbeats, its requests and
// the messages to it wait. What it publishes meanwhile counts as sent before and
// leaves when it resumes.
func (p *port) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = make(chan struct{})
}

func (p *port) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, send := range p.held {
		send()
	}
	p.held = nil
	close(p.running)
}

// pass waits until the process is not stopped.
func (p *port) pass() {
	p.mu.Lock()
	running := p.running
	p.mu.Unlock()
	<-running
}

// unlessStopped runs send now, or when the process resumes.
func (p *port) unlessStopped(send func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.running:
		send()
	default:
		p.held = append(p.held, send)
	}
}

func (n *network) port(name string) *port {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &port{network: n, name: name, handle: map[string]func(string, []byte, func([]byte)){}, running: make(chan struct{})}
	close(p.running)
	n.ports[name] = p
	return p
}

// kill makes a node fall silent for good: nothing comes in and nothing goes out.
func (p *port) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

func (p *port) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.dead
}

// part lets nothing pass between two groups of nodes, both ways.
func (n *network) part(a, b []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, x := range a {
		for _, y := range b {
			n.cut[[2]string{x, y}], n.cut[[2]string{y, x}] = true, true
		}
	}
}

// mend lets everything pass again between two nodes.
func (n *network) mend(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, [2]string{a, b})
	delete(n.cut, [2]string{b, a})
}

func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = map[[2]string]bool{}
	n.lose = nil
	n.loss = 0
}

// losing has certain messages lost until the network heals.
func (n *network) losing(lose func(from, to, subject string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose = lose
}

// link carries what one node sends another, in order.
type link struct {
	last  time.Time // when the last message is due
	queue chan func()
}

// send runs arrive at the other node, in time, unless the message is lost.
func (n *network) send(from, to, subject string, arrive func(*port)) {
	n.mu.Lock()
	key := [2]string{from, to}
	target := n.ports[to]
	if n.cut[key] || target == nil || n.lose != nil && n.lose(from, to, subject) || n.rand.IntN(1000) < n.loss {
		n.mu.Unlock()
		return
	}
	l := n.links[key]
	if l == nil {
		l = &link{queue: make(chan func(), 1<<16)}
		n.links[key] = l
		go func() {
			for {
				select {
				case f := <-l.queue:
					f()
				case <-n.ctx.Done():
					return
				}
			}
		}()
	}
	due := time.Now().Add(time.Millisecond)
	if n.delay > 0 {
		due = due.Add(time.Duration(n.rand.Int64N(int64(n.delay))))
	}
	if due.Before(l.last) {
		due = l.last
	}
	l.last = due
	l.queue <- func() {
		time.Sleep(time.Until(due))
		if target.alive() {
			arrive(target)
		}
	}
	n.mu.Unlock()
}

func (p *port) Publish(subject string, data []byte) error {
	if strings.HasSuffix(subject, ".beats") {
		p.pass()
	}
	if !p.alive() {
		return errors.New("dead")
	}
	p.network.mu.Lock()
	var others []string
	for name := range p.network.ports {
		if name != p.name {
			others = append(others, name)
		}
	}
	p.network.mu.Unlock()
	p.unlessStopped(func() {
		for _, to := range others {
			p.network.send(p.name, to, subject, func(t *port) { t.arrive(subject, data, nil) })
		}
	})
	return nil
}

func (p *port) Subscribe(subject string, handle func(string, []byte, func([]byte))) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle[strings.TrimRight(subject, "*>")] = handle
	return nil
}

// arrive hands a message to the subscription that wants it.
func (p *port) arrive(subject string, data []byte, reply func([]byte)) {
	p.pass()
	p.mu.Lock()
	var handle func(string, []byte, func([]byte))
	for prefix, h := range p.handle {
		if strings.HasPrefix(subject, prefix) {
			handle = h
		}
	}
	p.mu.Unlock()
	if handle != nil {
		handle(subject, data, reply)
	}
}

func (p *port) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	p.pass()
	answers := make(chan []byte, 1)
	to := strings.Split(subject, ".")[2] // confab.node.ID.kind
	if !p.alive() {
		return nil, errors.New("dead")
	}
	p.network.send(p.name, to, subject, func(t *port) {
		t.arrive(subject, data, func(answer []byte) {
			t.pass()
			if !t.alive() {
				return
			}
			p.network.send(to, p.name, "answer", func(*port) {
				select {
				case answers <- answer:
				default:
				}
			})
		})
	})
	select {
	case answer := <-answers:
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
