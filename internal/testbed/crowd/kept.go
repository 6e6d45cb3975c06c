package crowd

import (
	"context"
	"fmt"
	"strings"

	"confab/internal/testbed/history"
	"confab/internal/testbed/process"
)

// Kept lists the messages of the rooms that keep them, on one node.
func (c *Crowd) Kept(ctx context.Context, rooms []Room, node Node) (map[string][]history.Frame, error) {
	all := map[string][]history.Frame{}
	for i := range rooms {
		if rooms[i].OnJoin == 0 {
			continue
		}
		messages, err := list(ctx, rooms[i].arn, node)
		if err != nil {
			return nil, fmt.Errorf("%s does not list the messages of %s: %w", node.Name, rooms[i].arn, err)
		}
		all[rooms[i].arn] = messages
	}
	return all, nil
}

func list(ctx context.Context, room string, node Node) (all []history.Frame, err error) {
	in := map[string]any{"roomIdentifier": room, "maxResults": 200, "order": "OLDEST_FIRST"}
	for {
		var page struct {
			Messages []struct {
				ID      string `json:"id"`
				Content string `json:"content"`
			} `json:"messages"`
			NextToken string `json:"nextToken"`
		}
		asking, cancel := context.WithTimeout(ctx, callTime)
		err := process.Extension(asking, "http://"+strings.TrimPrefix(node.WebSocket, "ws://"), "ListMessages", in, &page)
		cancel()
		if err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			all = append(all, history.Frame{ID: m.ID, Content: m.Content})
		}
		if page.NextToken == "" {
			return all, nil
		}
		in["nextToken"] = page.NextToken
	}
}
