// Package peers has the questions that the nodes of a cluster ask each other, and their
// answers: how many connections a node has, whether a user is there, which messages it has in
// memory, how its metrics were in the last hours. The order of frames is not its subject; see
// package cluster. A single node asks nothing.
package peers

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/attendance"
	"confab/internal/catchup"
	"confab/internal/cluster"
	"confab/internal/contentfilter"
	"confab/internal/messaging"
	"confab/internal/moderation"
	"confab/internal/modes"
	"confab/internal/modlog"
	"confab/internal/places"
	"confab/internal/presence"
	"confab/internal/series"
	"confab/internal/serverops"
	"confab/internal/traces"
	"confab/internal/webhook"
)

// The questions that nodes ask each other: topicNode about itself, topicUser whether a
// user has sessions in a room, topicRefreshed whether one of them is about to be replaced
// by the same client, topicSeries for series of its metrics, topicErase for its part of an
// erasure, topicPresence who is in rooms, topicModes who has sent what when, topicSent which
// messages of a user it has in memory, topicDeleted which deletions it could not store yet,
// topicTraces what came of messages; topicLog to store what it has noted. topicBans is not a
// question: it tells changes of bans. topicHooks and topicFilters say that webhooks or content
// filters were changed.
const (
	topicNode      = "node"
	topicUser      = "user"
	topicRefreshed = "refreshed"
	topicSeries    = "series"
	topicBans      = "bans"
	topicHooks     = "webhooks"
	topicFilters   = "filters"
	topicPresence  = "presence"
	topicErase     = "erase"
	topicModes     = "modes"
	topicTraces    = "traces"
	topicSent      = "sent"
	topicDeleted   = "deleted"
	topicLog       = "moderation-log"
)

// userQuestion is the body of a question of topicUser and topicRefreshed. The answer is a bool.
// topicRefreshed may ask about more clients, see refreshed.go.
type userQuestion struct {
	Room  string         `json:"room"`
	User  string         `json:"user"`
	Agent uint64         `json:"agent,omitzero"`
	More  []userQuestion `json:"more,omitzero"`
}

// Node is this node's membership: *cluster.Node.
type Node interface {
	// Ask asks all members, this node included, and AskOthers all but this node.
	Ask(ctx context.Context, topic string, body []byte) map[string][]byte
	AskOthers(ctx context.Context, topic string, body []byte) (answers map[string][]byte, complete bool)
}

// Peers asks the other nodes, and answers them. Its fields are set before the first
// question.
type Peers struct {
	// Node is nil on a single node.
	Node Node
	// Self returns the facts about this node that GetServer shows.
	Self     func() serverops.Node
	Engine   *messaging.Engine
	Recorder *series.Recorder
	Presence *presence.Service
	// Attendance is nil if extensions are off.
	Attendance *attendance.Service
	Places     *places.Service
	CatchUp    *catchup.Memory
	// Modes is nil if extensions are off.
	Modes      *modes.Modes
	Frames     Frames
	Deliveries Deliveries
	// Bans is nil if extensions are off.
	Bans *moderation.Bans
	// Hooks is nil if extensions are off.
	Hooks *webhook.Hooks
	// Filters is nil if extensions are off.
	Filters *contentfilter.Filters
	// Moderation is the moderation log.
	Moderation *modlog.Log
	// Traces is nil if extensions are off.
	Traces *traces.Memory

	joining joining
}

// Answers returns, by topic, the functions that answer the questions of other nodes.
func (p *Peers) Answers() map[string]cluster.Answer {
	return map[string]cluster.Answer{
		topicNode:      func(context.Context, []byte) ([]byte, error) { return json.Marshal(p.Self()) },
		topicUser:      p.answerUser,
		topicSeries:    p.answerSeries,
		topicBans:      p.receiveBans,
		topicHooks:     p.refreshHooks,
		topicFilters:   p.readFilters,
		topicPresence:  func(ctx context.Context, body []byte) ([]byte, error) { return p.Presence.Answer(ctx, body) },
		topicErase:     p.answerErase,
		places.Topic:   func(ctx context.Context, body []byte) ([]byte, error) { return p.Places.Answer(ctx, body) },
		topicModes:     p.answerModes,
		topicTraces:    p.answerTraces,
		topicSent:      p.answerSent,
		topicDeleted:   p.answerDeleted,
		topicLog:       p.answerLog,
		topicRefreshed: p.answerRefreshed,
	}
}

func (p *Peers) answerUser(_ context.Context, body []byte) ([]byte, error) {
	var q userQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	return json.Marshal(p.Engine.Beside(q.Room, q.User))
}

// TellBans tells the other nodes changes of bans, and waits for their answers until ctx
// ends.
func (p *Peers) TellBans(ctx context.Context, changes []byte) {
	if p.Node != nil {
		p.Node.AskOthers(ctx, topicBans, changes)
	}
}

func (p *Peers) receiveBans(ctx context.Context, changes []byte) ([]byte, error) {
	if p.Bans == nil {
		return nil, nil
	}
	return nil, p.Bans.Receive(ctx, changes)
}

// TellHooks tells the other nodes that webhooks have changed, and waits for their answers
// until ctx ends.
func (p *Peers) TellHooks(ctx context.Context) {
	if p.Node != nil {
		p.Node.AskOthers(ctx, topicHooks, nil)
	}
}

func (p *Peers) refreshHooks(ctx context.Context, _ []byte) ([]byte, error) {
	if p.Hooks == nil {
		return nil, nil
	}
	return nil, p.Hooks.Refresh(ctx)
}

// UserElsewhere reports whether another node has sessions of the user in the room, or does
// not answer.
func (p *Peers) UserElsewhere(ctx context.Context, roomID, userID string) bool {
	yes, complete := p.askUser(ctx, topicUser, userQuestion{Room: roomID, User: userID})
	return yes || !complete
}

// askUser asks the other nodes. It reports whether one of them says yes, and whether all
// have answered.
func (p *Peers) askUser(ctx context.Context, topic string, q userQuestion) (yes, complete bool) {
	body, err := json.Marshal(q)
	if err != nil {
		return false, false
	}
	answers, complete := p.Node.AskOthers(ctx, topic, body)
	for _, a := range answers {
		yes = yes || string(a) == "true"
	}
	return yes, complete
}

// WatchRooms makes the presence service. It sends events to a room at most once in
// interval.
func (p *Peers) WatchRooms(o *messaging.Options, interval time.Duration) {
	p.Presence = presence.New()
	p.Presence.Interval = interval
	if o.Extensions {
		o.Watch = p.Presence.Watch
	}
}

// TellAttendance starts to tell webhooks who joins and leaves rooms, unless extensions are
// off. It must be called before other nodes ask this one.
func (p *Peers) TellAttendance(log *slog.Logger) {
	if p.Hooks == nil {
		return
	}
	p.Attendance = attendance.Start(attendance.Options{
		Hooks: p.Hooks, Live: messaging.RosterOf(p.Engine), Elsewhere: p.Presence.Elsewhere, GoneAfter: attendance.GoneAfter, Log: log,
	})
	p.Presence.Leaving = p.Attendance.Leaving
}

// Moderate makes the rule that enforces the modes of rooms, unless extensions are off.
func (p *Peers) Moderate(o *messaging.Options) {
	if !o.Extensions {
		return
	}
	p.Modes = modes.New()
	p.Modes.Ask = func(ctx context.Context, body []byte) map[string][]byte {
		if p.Node == nil {
			return nil
		}
		answers, _ := p.Node.AskOthers(ctx, topicModes, body)
		return answers
	}
	o.Rules = messaging.Rules{Modes: p.Modes, Said: p.Modes.Remember}
}

func (p *Peers) answerModes(ctx context.Context, body []byte) ([]byte, error) {
	if p.Modes == nil {
		return nil, nil
	}
	return p.Modes.Answer(ctx, body)
}

// AskPresence asks the other nodes for the users of rooms.
func (p *Peers) AskPresence(ctx context.Context, body []byte) (answers map[string][]byte, complete bool) {
	return p.Node.AskOthers(ctx, topicPresence, body)
}

// Nodes asks all nodes for facts about themselves, and returns the answers, ordered by the
// names of the nodes.
func (p *Peers) Nodes(ctx context.Context) []serverops.Node {
	if p.Node == nil {
		return []serverops.Node{p.Self()}
	}
	answers := p.Node.Ask(ctx, topicNode, nil)
	var all []serverops.Node
	for _, id := range slices.Sorted(maps.Keys(answers)) {
		var n serverops.Node
		if json.Unmarshal(answers[id], &n) == nil {
			all = append(all, n)
		}
	}
	return all
}
