//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// allScenarios are those of docs/measurements/delivery.md.
func allScenarios(quick bool) []*scenario {
	warm, measure := 700*time.Millisecond, 3*time.Second
	// Processes may often have 20,000 files open, of which Confab keeps some for
	// other things than connections.
	most := 18_900
	if quick {
		warm, measure, most = 700*time.Millisecond, 1500*time.Millisecond, 10_000
	}
	return []*scenario{
		{name: "room-1000", title: "1 room × 1,000, 100 msg/s", rooms: 1, members: 1000, rate: 100, gathered: true, warm: warm + time.Second/2, measure: measure},
		{name: "one-1000", title: "1,000, one at a time", rooms: 1, members: 1000, flight: 1, warm: warm, measure: measure / 2},
		{name: "flight-8", title: "1,000, 8 in flight: deliveries/s", rooms: 1, members: 1000, flight: 8, warm: warm, measure: measure / 2},
		{name: "one-10000", title: "10,000, one at a time", rooms: 1, members: 10_000, flight: 1, warm: warm, measure: measure, long: true},
		{name: "rooms-1000x10", title: "1,000 rooms × 10, one at a time", rooms: 1000, members: 10, flight: 1, messages: true, warm: warm, measure: measure / 2, long: true},
		{name: "deletes-1000x10", title: "the same, DELETE_MESSAGE", rooms: 1000, members: 10, flight: 1, ours: true, warm: warm, measure: measure / 2, long: true},
		{name: "million", title: "10,000 × 100 msg/s", rooms: 1, members: 10_000, rate: 100, gathered: true, warm: 2 * time.Second, measure: measure, drowns: true, long: true},
		{name: "idle", title: "idle", rooms: 1, members: most, idle: true, measure: 3 * time.Second, long: true},
	}
}

// pointScenarios reads the scenarios of -points.
func pointScenarios(list string) (points []*scenario, err error) {
	for name := range strings.SplitSeq(list, ",") {
		if name == "" {
			continue
		}
		s := &scenario{name: name, title: name + " msg/s", isPoint: true, gathered: true, drowns: true, long: true, warm: 2 * time.Second, measure: 4 * time.Second}
		if _, err := fmt.Sscanf(name, "%dx%dx%d", &s.rooms, &s.members, &s.rate); err != nil {
			return nil, fmt.Errorf("-points %q: want ROOMSxMEMBERSxRATE", name)
		}
		points = append(points, s)
	}
	return points, nil
}

// floorOf is the mode of the floor that a scenario is compared with.
func floorOf(s *scenario) string {
	switch {
	case s.flight > 1:
		return "batch"
	case s.drowns:
		return "pace 100"
	default:
		return "write"
	}
}

// floors are the modes of the floor.
func floors(bin string) map[string]*target {
	path := filepath.Join(bin, "floor")
	floor := func(name string, args ...string) *target {
		return &target{name: name, floor: true, start: program(path, "", plain{}, append([]string{"%h", "%p"}, args...)...)}
	}
	return map[string]*target{
		"write":    floor("floor write", "write"),
		"batch":    floor("floor batch", "batch"),
		"pace 50":  floor("floor pace 50", "pace", "50"),
		"pace 100": floor("floor pace 100", "pace", "100"),
	}
}

// natsConfiguration opens nothing but the WebSocket beside the port that NATS
// must have.
const natsConfiguration = `{"host": "127.0.0.1", "port": -1, "ping_interval": "10m",
	"websocket": {"host": "%h", "port": %p, "no_tls": true}}`

// centrifugoConfiguration lets everybody connect, subscribe and publish.
const centrifugoConfiguration = `{"http_server": {"address": "%h", "port": "%p"},
	"client": {"insecure": true, "allowed_origins": ["*"]}, "log": {"level": "error"}}`

// allTargets are the servers beside the floor that ratios are taken to.
func allTargets(bin string) []*target {
	peer := func(name string, p protocol, configuration, path string, args ...string) *target {
		if !filepath.IsAbs(path) && path != "node" {
			path = filepath.Join(bin, path)
		}
		return &target{name: name, peer: true, start: program(path, configuration, p, args...)}
	}
	targets := []*target{
		{name: "confab", start: confabWith()},
		{name: "confab-submit", part: true, start: confabWith("--io-uring", "io-submit")},
		{name: "confab-write", part: true, start: confabWith("--io-uring", "off")},
		{name: "confab-engine", part: true, start: startEngine(filepath.Join(bin, "engine"))},
		floors(bin)["pace 50"],
		peer("gorilla", plain{}, "", "gorilla", "%a"),
		peer("gobwas", plain{}, "", "gobwas", "%a"),
		peer("gws", plain{}, "", "gws", "%a"),
		peer("coder", plain{}, "", "coder", "%a"),
		peer("node-ws", plain{}, "", "node", filepath.Join(bin, "ws", "server.js"), "%a"),
		peer("nats-server", natsProtocol{}, natsConfiguration, "nats-server", "-c", "%f"),
		peer("centrifuge", centrifugeProtocol{}, "", "centrifuge", "%a", "0s"),
		peer("centrifuge-50ms", centrifugeProtocol{}, "", "centrifuge", "%a", "50ms"),
	}
	if path := os.Getenv("CENTRIFUGO"); path != "" {
		targets = append(targets, peer("centrifugo", centrifugeProtocol{}, centrifugoConfiguration, path, "-c", "%f"))
	}
	return targets
}
