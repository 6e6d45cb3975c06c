//go:build linux

package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
)

// ofInterest are the scenarios of rooms whose members move: their frames go to other nodes then.
var ofInterest = []scenario{
	{
		name: "members of rooms move together, again and again", keeps: "everything; connections move",
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			d.move(ctx, trial, random, 8)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 2*time.Second)
			return nil
		},
	},
	{
		name: "members of rooms move together while a node is killed and started", keeps: "everything; connections move",
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			cluster.Pause(ctx, 4*time.Second) // As in kill.
			trial.Over = trial.Crowd.Now()
			n := d.cluster.Nodes[random.IntN(3)]
			if err := n.Kill(); err != nil {
				return err
			}
			d.move(ctx, trial, random, 4)
			started := make(chan error, 1)
			go func() { started <- n.Start(ctx) }()
			d.move(ctx, trial, random, 4)
			err := <-started
			cluster.Pause(ctx, 3*time.Second)
			return err
		},
	},
}

// move has the clients of two rooms move together to a node, some times.
func (d *deployment) move(ctx context.Context, trial *cluster.Trial, random *rand.Rand, times int) {
	for range times {
		for range 2 {
			trial.Rooms[random.IntN(len(trial.Rooms))].Move(d.cluster.Nodes[random.IntN(len(d.cluster.Nodes))].Name)
		}
		cluster.Pause(ctx, 300*time.Millisecond+time.Duration(random.Int64N(int64(700*time.Millisecond))))
	}
}

// ofKeepers are the scenarios of five nodes, three of which keep the frames of a room.
var ofKeepers = []scenario{
	{
		name: "kill -9 of two of five nodes at once", keeps: "everything but messages on the way through both",
		options: history.Options{MayMiss: true},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.kill(ctx, trial, random.Perm(5)[:2])
		},
	},
	{
		name: "kill -9 of all keepers of a room but one, one after another", keeps: "everything; its connections come back on other nodes",
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			order := random.Perm(5)
			trial.Over = trial.Crowd.Now()
			for _, i := range order[:2] { // The second is killed when the others continue without the first.
				cluster.Pause(ctx, 6*time.Second)
				if err := d.cluster.Nodes[i].Kill(); err != nil {
					return err
				}
			}
			cluster.Pause(ctx, 4*time.Second)
			err := errors.Join(d.cluster.Nodes[order[0]].Start(ctx), d.cluster.Nodes[order[1]].Start(ctx))
			cluster.Pause(ctx, 3*time.Second)
			return err
		},
	},
}

// ofMany is a scenario for people: it takes three minutes.
var ofMany = []scenario{
	{
		name: "ten nodes, 200 rooms: kills and partitions", keeps: "everything; each side of a partition on its own",
		network: true, long: true, rooms: manyRooms, churn: 50 * time.Millisecond,
		options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			for range 4 {
				if err := d.kill(ctx, trial, random.Perm(10)[:1]); err != nil {
					return err
				}
				if err := d.split(ctx, trial, random); err != nil {
					return err
				}
			}
			return nil
		},
	},
}

// manyRooms are small rooms: in half of them clients catch up, in half of each they are told how
// many there are, and the clients of every second room are on one node.
func manyRooms() []crowd.Room {
	rooms := make([]crowd.Room, 200)
	for i := range rooms {
		r := crowd.Room{Rate: 100, Offered: 1, Clients: 3, CatchUp: i%2 == 0, Presence: i%4 < 2, Steady: true}
		if !r.CatchUp {
			r.OnJoin = 50
		}
		if i%8 < 4 {
			r.Near = fmt.Sprintf("node%d", 1+i%10)
		}
		rooms[i] = r
	}
	return rooms
}

// split cuts a random number of nodes off from the others, for some seconds.
func (d *deployment) split(ctx context.Context, trial *cluster.Trial, random *rand.Rand) error {
	order := random.Perm(len(d.cluster.Nodes))
	size := 1 + random.IntN(len(order)/2)
	p := history.Partition{From: trial.Crowd.Now(), Side: map[string]int{}}
	for i, n := range order {
		if p.Side[d.cluster.Nodes[n].Name] = 0; i < size {
			p.Side[d.cluster.Nodes[n].Name] = 1
		}
	}
	for _, a := range order[:size] {
		for _, b := range order[size:] {
			if err := d.between(ctx, a, b, d.network.Drop); err != nil {
				return err
			}
		}
	}
	cluster.Pause(ctx, 2*time.Second+time.Duration(random.Int64N(int64(6*time.Second))))
	trial.Over = trial.Crowd.Now()
	err := d.network.Heal(ctx)
	cluster.Pause(ctx, rejoinTime)
	p.To = trial.Crowd.Now()
	trial.Partitions = append(trial.Partitions, p)
	cluster.Pause(ctx, 4*time.Second)
	return err
}
