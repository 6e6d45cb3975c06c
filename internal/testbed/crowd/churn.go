package crowd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// longestStay is how long a user of Churn stays at most.
const longestStay = 3 * time.Second

// Churn has users join random rooms, on any node, and leave again, until talking ends: with a
// pause between two that is pace on average. So there are joins in the middle of every fault.
func (c *Crowd) Churn(talking, living context.Context, rooms []Room, pace time.Duration, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1<<32)) //nolint:gosec // A test that can be repeated.
	c.all.Go(func() {
		for n := 1; pause(talking, time.Duration(random.ExpFloat64()*float64(pace))); n++ {
			stay, leave := context.WithCancel(living)
			time.AfterFunc(time.Duration(random.Int64N(int64(longestStay))), leave)
			context.AfterFunc(talking, leave)
			user := fmt.Sprintf("passer-by%d", n)
			c.Join(stay, user, user, rooms[random.IntN(len(rooms))].arn)
		}
	})
}

// Move has all clients of the room lose their connections, and connect to another node.
func (r Room) Move(near string) {
	for _, cl := range r.clients {
		cl.mu.Lock()
		cl.near = near
		conn := cl.conn
		cl.mu.Unlock()
		if conn != nil {
			conn.CloseNow()
		}
	}
}
