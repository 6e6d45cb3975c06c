package app

import (
	"context"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"confab/internal/cluster"
	"confab/internal/extension"
	"confab/internal/telemetry"
)

// The questions that nodes ask each other: topicNode about itself, topicUser whether a
// user has sessions in a room.
const (
	topicNode = "node"
	topicUser = "user"
)

// userQuestion is the body of a question of topicUser. The answer is a bool.
type userQuestion struct {
	Room string `json:"room"`
	User string `json:"user"`
}

// answers returns what this node answers to the others.
func (s *Server) answers() map[string]cluster.Answer {
	return map[string]cluster.Answer{
		topicNode: func(context.Context, []byte) ([]byte, error) { return json.Marshal(s.self()) },
		topicUser: func(_ context.Context, body []byte) ([]byte, error) {
			var q userQuestion
			if err := json.Unmarshal(body, &q); err != nil {
				return nil, err
			}
			return json.Marshal(s.engine.Beside(q.Room, q.User))
		},
	}
}

// userElsewhere reports whether another node has sessions of the user in the room, or does
// not answer.
func (s *Server) userElsewhere(ctx context.Context, roomID, userID string) bool {
	body, err := json.Marshal(userQuestion{roomID, userID})
	if err != nil {
		return true
	}
	answers, complete := s.node.AskOthers(ctx, topicUser, body)
	for _, a := range answers {
		if string(a) == "true" {
			return true
		}
	}
	return !complete
}

// self returns what this node says of itself.
func (s *Server) self() extension.Node {
	n := extension.Node{Name: s.cfg.NodeName, Version: telemetry.Version(), Connections: s.engine.Connections()}
	n.Ready = !s.draining.Load()
	rooms := s.engine.LiveRooms()
	n.HomeRooms = len(rooms)
	if s.node != nil {
		n.Ready = n.Ready && s.node.Ready() == nil
		n.HomeRooms = len(slices.DeleteFunc(rooms, func(id string) bool { return !s.mine(id) }))
	}
	return n
}

// nodes asks all nodes about themselves, and returns those that answer by their names.
func (s *Server) nodes(ctx context.Context) []extension.Node {
	if s.node == nil {
		return []extension.Node{s.self()}
	}
	answers := s.node.Ask(ctx, topicNode, nil)
	var all []extension.Node
	for _, id := range slices.Sorted(maps.Keys(answers)) {
		var n extension.Node
		if json.Unmarshal(answers[id], &n) == nil {
			all = append(all, n)
		}
	}
	return all
}
