package websocket

import "time"

// A client that sends far more than it may is not answered faster, but read from
// more slowly: what it goes on sending waits in its own system, by the flow
// control of TCP, and costs nobody else anything. Unlike Pause this is the
// package's own doing, and passes by itself.

const (
	// inputBurst is how much of its rate a connection may use at once, and
	// inputSlice how much of that it has again when it is read from next.
	inputBurst = int64(200 * time.Millisecond)
	inputSlice = int64(100 * time.Millisecond)
	// unitBytes is how many bytes count as much as a frame: fragments and the
	// inside of large messages are no way around the rate.
	unitBytes = 4 << 10
)

// charge counts messages and control frames, or as many times unitBytes of input,
// against Options.InputRate.
func (c *Conn) charge(units int) {
	rate := c.loop.server.options.InputRate
	if rate <= 0 || units <= 0 {
		return
	}
	now := c.loop.now
	c.spent = max(c.spent, now) + int64(units)*int64(time.Second)/int64(rate)
	if c.spent-now > inputBurst && c.thaw == 0 {
		c.thaw = c.spent - inputBurst + inputSlice
		c.schedule()
	}
}

// thawed reads on from a connection that has sent too much.
func (c *Conn) thawed() {
	c.thaw = 0
	c.resume()
}
