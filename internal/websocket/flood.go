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
	// frameBytes is how many bytes count as much as a frame: fragments and the
	// inside of large messages are no way around the rate.
	frameBytes = 4 << 10
	// readBytes is how many bytes a read counts as that found fewer: it costs a
	// system call or, with TLS, a record.
	readBytes = 64
)

// charge counts a message or control frame against Options.InputRate.
func (c *Conn) charge() { c.chargeBytes(frameBytes) }

// chargeRead counts a read of n bytes.
func (c *Conn) chargeRead(n int) { c.chargeBytes(max(n, readBytes)) }

func (c *Conn) chargeBytes(n int) {
	rate := c.loop.server.options.InputRate
	if rate <= 0 {
		return
	}
	now := c.loop.now
	c.spent = max(c.spent, now) + int64(n)*int64(time.Second)/(int64(rate)*frameBytes)
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
