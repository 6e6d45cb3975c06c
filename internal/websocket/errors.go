package websocket

import (
	"errors"
	"fmt"

	"confab/internal/transport"
)

// Why a connection ended, as Handler.Closed reports it.
var (
	// ErrClosed means that Conn.Close was called.
	ErrClosed = errors.New("closed by the server")
	// ErrFinished means that Conn.Finish was called.
	ErrFinished = errors.New("finished by the server")
	// ErrSlow means that the peer reads too slowly: more than Options.MaxPending
	// bytes were pending for it.
	ErrSlow = transport.ErrSlow
	// ErrIdle means that the peer has shown no activity for two ping intervals.
	ErrIdle = errors.New("the peer does not answer pings")
	// ErrPanic means that the Handler panicked.
	ErrPanic = errors.New("the handler panicked")
	// ErrServerClosed means that Server.Close was called; Attach returns it, too.
	ErrServerClosed = errors.New("the WebSocket server is closed")
)

// CloseError is a Close frame that the peer has sent.
type CloseError struct {
	Code   uint16 // StatusNoStatus if the frame had none
	Reason string // up to 123 bytes, chosen by the peer
}

// Error leaves out the reason, because it is untrusted text of the peer.
func (e *CloseError) Error() string {
	return fmt.Sprintf("closed by the peer with status %d", e.Code)
}
