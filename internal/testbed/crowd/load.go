package crowd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
)

// Room is a room under load.
type Room struct {
	// Rate is the room's maximum message rate; Offered is how many messages its
	// clients send a second, more or less than that.
	Rate, Offered int
	// Clients is how many stay in it.
	Clients int
	// OnJoin is how many messages a new connection gets first. With 0 the room keeps none.
	OnJoin int
	// CatchUp is set if clients get what they missed when they come back.
	CatchUp bool
	// Presence is set if clients are told how many there are.
	Presence bool
	// Near is the node to which its clients connect if it is ready; without, they spread over
	// all nodes.
	Near string
	// Steady is set if no guests come who are disconnected, and no token is used twice.
	Steady bool
	// SlowMode, if it is not 0, is the time between two messages of a user. Then only clients
	// that are not staff send messages, and, without CatchUp, two of them are one user.
	SlowMode time.Duration
	// Bans is set if users come who are banned, muted or hidden, or whose addresses are banned.
	Bans bool
	// DisconnectBan is set if users come who are disconnected, and so banned for a minute.
	DisconnectBan bool
	// Logs are the ARNs of its logging configurations.
	Logs []string

	arn     string
	clients []*Client
}

// Open creates the rooms on a node and lets the clients in. It returns once all
// are connected.
func (c *Crowd) Open(ctx context.Context, node Node, rooms []Room) error {
	for i := range rooms {
		r := &rooms[i]
		in := &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(int32(r.Rate)), LoggingConfigurationIdentifiers: r.Logs}
		in.Tags = map[string]string{}
		if r.OnJoin > 0 {
			in.Tags["confab:history"], in.Tags["confab:history-on-join"] = "1h", strconv.Itoa(r.OnJoin)
		}
		if r.CatchUp {
			in.Tags["confab:catch-up"] = "2m"
		}
		if r.Presence {
			in.Tags["confab:presence"] = "count"
		}
		if r.SlowMode > 0 {
			in.Tags["confab:slow-mode"] = r.SlowMode.String()
		}
		if r.DisconnectBan {
			in.Tags["confab:disconnect-ban"] = "1m"
		}
		out, err := node.API.CreateRoom(ctx, in)
		if err != nil {
			return err
		}
		r.arn = aws.ToString(out.Arn)
		for n := range r.Clients {
			name := fmt.Sprintf("r%d-c%d", i, n)
			cl := &Client{Name: name, User: name, Room: r.arn, near: r.Near, viewer: r.SlowMode > 0 && n > 0}
			if cl.viewer && n == r.Clients-1 && !r.CatchUp {
				cl.User = r.clients[n-1].User
			}
			r.clients = append(r.clients, c.join(ctx, cl))
		}
	}
	if missing := c.WaitConnected(ctx); missing > 0 {
		return fmt.Errorf("%d clients did not connect", missing)
	}
	return nil
}

// Warm is how long people talk before anything happens.
const Warm = 1500 * time.Millisecond

// Load has the clients of the rooms talk until the context ends: messages at
// the offered rate, now and then a deletion, an event from the backend, a user
// who comes and is disconnected, one who is banned, and a token that is used on all nodes at once.
// The seed decides who does what.
func (c *Crowd) Load(talking, living context.Context, rooms []Room, nodes []Node, seed uint64) {
	for i := range rooms {
		random := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // A test that can be repeated.
		c.all.Go(func() { c.talk(talking, living, &rooms[i], i, nodes, random) })
	}
}

func (c *Crowd) talk(talking, living context.Context, r *Room, place int, nodes []Node, random *rand.Rand) {
	for n := 1; ; n++ {
		// Poisson arrivals: the pauses are exponential.
		if !pause(talking, time.Duration(random.ExpFloat64()*float64(time.Second)/float64(r.Offered))) {
			return
		}
		client := r.clients[random.IntN(len(r.clients))]
		moderator := client
		if r.SlowMode > 0 { // The first client is staff, the others are not.
			client, moderator = r.clients[1+random.IntN(len(r.clients)-1)], r.clients[0]
		}
		switch node := nodes[random.IntN(len(nodes))]; {
		case !r.Steady && n%(r.Offered*3) == 0: // Every three seconds.
			user := fmt.Sprintf("%s-guest%d", r.clients[0].Name, n)
			c.join(living, &Client{Name: user, User: user, Room: r.arn, near: r.Near})
			c.all.Go(func() {
				if pause(talking, time.Second) {
					moderator.Kick(living, user)
				}
			})
		case r.Bans && n%(r.Offered*3) == r.Offered: // As often, a second later.
			user := fmt.Sprintf("%s-banned%d", r.clients[0].Name, n)
			kind := banKinds[(n/r.Offered+place)%len(banKinds)]
			c.all.Go(func() { c.ban(talking, living, r, user, kind) })
		case r.DisconnectBan && n%(r.Offered*3) == r.Offered:
			user := fmt.Sprintf("%s-out%d", r.clients[0].Name, n)
			c.all.Go(func() { c.ban(talking, living, r, user, banKick) })
		case !r.Steady && r.Near == "" && n%(r.Offered*2) == 1:
			user := fmt.Sprintf("%s-racer%d", r.clients[0].Name, n)
			c.all.Go(func() { c.Race(living, user, r.arn, nodes) })
		case random.IntN(20) == 0:
			moderator.Delete(living)
		case random.IntN(20) == 0:
			c.all.Go(func() { _, _ = c.Event(living, node, r.arn, "hello") }) // Recorded either way.
		default:
			client.Say(living)
		}
	}
}

// Members returns the clients that stay in the room.
func (r Room) Members() []*Client { return r.clients }

// ARNs returns the rooms' ARNs.
func ARNs(rooms []Room) []string {
	arns := make([]string, len(rooms))
	for i, r := range rooms {
		arns[i] = r.arn
	}
	return arns
}

// OnJoin returns how many kept messages each room gives, by its ARN.
func OnJoin(rooms []Room) map[string]int {
	all := make(map[string]int, len(rooms))
	for _, r := range rooms {
		all[r.arn] = r.OnJoin
	}
	return all
}

// Presence returns the ARNs of the rooms in which clients are told how many there are.
func Presence(rooms []Room) map[string]bool {
	all := map[string]bool{}
	for _, r := range rooms {
		all[r.arn] = r.Presence
	}
	return all
}

// DisconnectBan returns the ARNs of the rooms in which a disconnect bans its user.
func DisconnectBan(rooms []Room) map[string]bool {
	all := map[string]bool{}
	for _, r := range rooms {
		all[r.arn] = r.DisconnectBan
	}
	return all
}

// CatchUp returns the ARNs of the rooms in which clients get what they missed.
func CatchUp(rooms []Room) map[string]bool {
	all := map[string]bool{}
	for _, r := range rooms {
		all[r.arn] = r.CatchUp
	}
	return all
}

// SlowModes returns the time between two messages of a user in each room by its ARN.
func SlowModes(rooms []Room) map[string]time.Duration {
	all := make(map[string]time.Duration, len(rooms))
	for _, r := range rooms {
		all[r.arn] = r.SlowMode
	}
	return all
}

// Rates returns the maximum message rate of each room by its ARN.
func Rates(rooms []Room) map[string]int {
	rates := make(map[string]int, len(rooms))
	for _, r := range rooms {
		rates[r.arn] = r.Rate
	}
	return rates
}
