//go:build linux

package cluster

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/bench/load"
)

const (
	roomMembers = 10_000
	roomRate    = 99 // messages a second; the room takes 100
	roomSenders = 11 // each may send ten a second
)

// BenchmarkRoom is the processor time of three nodes together for a delivery in one room of 10,000
// members, who are on all nodes, at 99 messages a second.
func BenchmarkRoom(b *testing.B) {
	for _, build := range builds() {
		b.Run(build.name, func(b *testing.B) { benchmarkRoom(b, build.path) })
	}
}

// members counts what the members of a room receive.
type members struct {
	received int
	lost     error
}

// Message implements load.Receiver.
func (m *members) Message(*load.Client, []byte, time.Duration) { m.received++ }

// Closed implements load.Receiver.
func (m *members) Closed(_ *load.Client, cause error) { m.lost = cause }

func benchmarkRoom(b *testing.B, binary string) {
	c := benchmarkCluster(b, binary, 3, "--max-connections-per-address", "0", "--max-connections", "0")
	nodes := c.Clients()
	room, err := nodes[0].API.CreateRoom(b.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
	if err != nil {
		b.Fatal(err)
	}
	all := &members{}
	fleet, err := load.NewFleet(all)
	if err != nil {
		b.Fatal(err)
	}
	defer fleet.Close()
	until := func(what string, done func() bool) {
		b.Helper()
		for end := time.Now().Add(5 * time.Minute); !done(); {
			if err := fleet.Poll(time.Millisecond); err != nil || all.lost != nil {
				b.Fatalf("%s: %v, %v", what, err, all.lost)
			}
			if time.Now().After(end) {
				b.Fatalf("%s took five minutes: %d connections, %d messages", what, fleet.Open(), all.received)
			}
		}
	}
	for i := range roomMembers {
		n := nodes[i%len(nodes)]
		user := fmt.Sprint("member", i)
		out, err := n.API.CreateChatToken(b.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserId: &user})
		if err != nil {
			b.Fatal(err)
		}
		to, err := netip.ParseAddrPort(strings.TrimPrefix(n.WebSocket, "ws://"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := fleet.Dial(to, load.Handshake{Request: load.Request("/", *out.Token)}); err != nil {
			b.Fatal(err)
		}
		until("a handshake", func() bool { return fleet.Opening() < 100 })
	}
	until("the last handshake", func() bool { return fleet.Open() == roomMembers })
	senders := make([]socket, roomSenders)
	for i := range senders {
		senders[i] = open(b, nodes[i%len(nodes)], *room.Arn, fmt.Sprint("sender", i))
		go func() {
			for senders[i].next() == nil { // What it is sent has to leave its buffer.
			}
		}()
	}
	all.received = 0
	pace := time.NewTicker(time.Second / roomRate)
	defer pace.Stop()
	before := c.CPU(b)
	b.ResetTimer()
	for i := range b.N {
		until("its turn", func() bool {
			select {
			case <-pace.C:
				return true
			default:
				return false
			}
		})
		if err := senders[i%len(senders)].say(); err != nil {
			b.Fatal(err)
		}
	}
	until("the deliveries", func() bool { return all.received >= b.N*roomMembers })
	b.StopTimer()
	b.ReportMetric(float64((c.CPU(b)-before).Nanoseconds())/1e3/float64(b.N*(roomMembers+roomSenders)), "cpu-µs/delivery")
	b.ReportMetric(float64(b.N*roomMembers)/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(0, "ns/op")
}
