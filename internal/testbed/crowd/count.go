package crowd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"confab/internal/testbed/history"
	"confab/internal/testbed/process"
)

// countTime is how long nodes may take to know who is there, once a run has come to rest.
const countTime = 30 * time.Second

// Count asks each node who is in the rooms, again and again until all answers are right and all
// clients were told the right numbers, or countTime is over. The last answers are recorded.
func (c *Crowd) Count(ctx context.Context, rooms map[string]bool, nodes []Node) error {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	for room, counted := range rooms {
		for _, node := range nodes {
			for counted {
				p, err := present(ctx, node, room)
				if ctx.Err() != nil && err != nil {
					return fmt.Errorf("%s does not say who is in %s: %w", node.Name, room, err)
				}
				if ctx.Err() != nil || err == nil && c.counted(room, p) {
					c.record(func() { c.present = append(c.present, p) })
					break
				}
				pause(ctx, backendPause)
			}
		}
	}
	return nil
}

// present asks a node who is in a room.
func present(ctx context.Context, node Node, room string) (history.Present, error) {
	p := history.Present{Room: room, Node: node.Name}
	var out struct {
		Users []struct {
			UserID      string `json:"userId"`
			Connections int    `json:"connections"`
		} `json:"users"`
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	url := "http://" + strings.TrimPrefix(node.WebSocket, "ws://")
	in := map[string]any{"roomIdentifier": room, "maxResults": 200}
	if err := process.Extension(asking, url, "ListRoomUsers", in, &out); err != nil {
		return p, err
	}
	for _, u := range out.Users {
		p.Users = append(p.Users, u.UserID)
		p.Connections += u.Connections
	}
	slices.Sort(p.Users)
	return p, nil
}

// counted reports whether the answer is right, and all open connections of the room were told the
// right numbers.
func (c *Crowd) counted(room string, p history.Present) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var users []string
	connections := 0
	for _, r := range c.connections {
		if r.Room == room && r.Ended == history.StillOpen {
			users = append(users, r.User)
			connections++
		}
	}
	slices.Sort(users)
	users = slices.Compact(users)
	if !slices.Equal(users, p.Users) || p.Connections != connections {
		return false
	}
	for _, r := range c.connections {
		if r.Room != room || r.Ended != history.StillOpen {
			continue
		}
		if len(r.Viewers) == 0 {
			return false
		}
		if last := r.Viewers[len(r.Viewers)-1]; last.Users != len(users) {
			return false
		}
	}
	return true
}
