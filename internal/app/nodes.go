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
// user has sessions in a room, topicRefreshed whether one of them is about to be replaced
// by the same client.
const (
	topicNode      = "node"
	topicUser      = "user"
	topicRefreshed = "refreshed"
)

// userQuestion is the body of a question of the last two topics. The answer is a bool.
type userQuestion struct {
	Room  string `json:"room"`
	User  string `json:"user"`
	Agent uint64 `json:"agent,omitzero"`
}

// answers returns what this node answers to the others.
func (s *Server) answers() map[string]cluster.Answer {
	return map[string]cluster.Answer{
		topicNode:      func(context.Context, []byte) ([]byte, error) { return json.Marshal(s.self()) },
		topicUser:      answerUser(func(q userQuestion) bool { return s.engine.Beside(q.Room, q.User) }),
		topicRefreshed: answerUser(func(q userQuestion) bool { return s.engine.Refreshed(q.Room, q.User, q.Agent) }),
	}
}

func answerUser(f func(userQuestion) bool) cluster.Answer {
	return func(_ context.Context, body []byte) ([]byte, error) {
		var q userQuestion
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, err
		}
		return json.Marshal(f(q))
	}
}

// userElsewhere reports whether another node has sessions of the user in the room, or does
// not answer.
func (s *Server) userElsewhere(ctx context.Context, roomID, userID string) bool {
	yes, complete := s.askUser(ctx, topicUser, userQuestion{Room: roomID, User: userID})
	return yes || !complete
}

// refreshedElsewhere reports whether a client that another node knows is about to replace
// its session. A node that does not answer knows none.
func (s *Server) refreshedElsewhere(ctx context.Context, roomID, userID string, agent uint64) bool {
	yes, _ := s.askUser(ctx, topicRefreshed, userQuestion{roomID, userID, agent})
	return yes
}

// askUser asks the other nodes. It reports whether one of them says yes, and whether all
// have answered.
func (s *Server) askUser(ctx context.Context, topic string, q userQuestion) (yes, complete bool) {
	body, err := json.Marshal(q)
	if err != nil {
		return false, false
	}
	answers, complete := s.node.AskOthers(ctx, topic, body)
	for _, a := range answers {
		yes = yes || string(a) == "true"
	}
	return yes, complete
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
