package websocket

import "time"

// Input is rate limited by backpressure: a connection that exceeds its rate is read
// more slowly. Its further data waits in the client's system, by the flow control of
// TCP, and costs other connections nothing. Unlike Pause, the package starts and
// ends this itself.

const (
	// inputBurst is how much of its rate a connection may use at once. inputSlice is
	// how much of that is available again when reading resumes.
	inputBurst = int64(200 * time.Millisecond)
	inputSlice = int64(100 * time.Millisecond)
	// frameBytes is how many bytes count as much as a frame, so that fragments and
	// large messages cannot bypass the rate.
	frameBytes = 4 << 10
	// readBytes is how many bytes a read counts as at least: it costs a system call
	// or, with TLS, a record.
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
	if c.spent-now > inputBurst && c.resumeAt == 0 {
		c.resumeAt = c.spent - inputBurst + inputSlice
		c.schedule()
	}
}

// thawed resumes reading from a connection that exceeded its rate.
func (c *Conn) thawed() {
	c.resumeAt = 0
	c.resume()
}
