package websocket

import (
	"errors"
	"fmt"
)

// Status codes of Close frames that this package sends or reports by itself
// (RFC 6455, section 7.4.1).
const (
	StatusNormal        uint16 = 1000
	StatusProtocolError uint16 = 1002
	StatusNoStatus      uint16 = 1005 // never on the wire: the Close frame had no code
	StatusInvalidData   uint16 = 1007
	StatusTooBig        uint16 = 1009
)

// Why a connection ended, as Handler.Closed reports it.
var (
	// ErrClosed means that Conn.Close was called.
	ErrClosed = errors.New("closed by the server")
	// ErrFinished means that Conn.Finish was called.
	ErrFinished = errors.New("finished by the server")
	// ErrDropped means that Conn.Drop was called.
	ErrDropped = errors.New("dropped by the server")
	// ErrSlow means that the peer reads slower than it is sent to: it was owed
	// more than Options.MaxPending bytes.
	ErrSlow = errors.New("the peer reads too slowly")
	// ErrIdle means that the peer has shown no life for two ping intervals.
	ErrIdle = errors.New("the peer does not answer pings")
	// ErrProtocol is what every *ProtocolError is.
	ErrProtocol = errors.New("the peer has broken the protocol")
	// ErrPanic means that the Handler panicked.
	ErrPanic = errors.New("the handler panicked")
	// ErrServerClosed means that Server.Close was called; Attach returns it, too.
	ErrServerClosed = errors.New("the WebSocket server is closed")
)

// CloseError is the Close frame of the peer.
type CloseError struct {
	Code   uint16 // StatusNoStatus if the frame had none
	Reason string // up to 123 bytes of whatever the peer wrote
}

// Error does not repeat the reason, which is the peer's and may say anything.
func (e *CloseError) Error() string {
	return fmt.Sprintf("closed by the peer with status %d", e.Code)
}

// ProtocolError is what a peer did that RFC 6455 or a limit does not allow. It
// was told so by a Close frame.
type ProtocolError struct {
	Code   uint16 // of the Close frame
	Reason string // what was wrong; also the reason in the Close frame
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("the peer has broken the protocol (status %d): %s", e.Code, e.Reason)
}

// Is makes every ProtocolError an ErrProtocol.
func (e *ProtocolError) Is(target error) bool { return target == ErrProtocol }

func violation(reason string) error {
	return &ProtocolError{Code: StatusProtocolError, Reason: reason}
}

func invalidText(reason string) error {
	return &ProtocolError{Code: StatusInvalidData, Reason: reason}
}
