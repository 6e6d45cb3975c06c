package rfc6455

import (
	"errors"
	"fmt"
)

// Status codes of Close frames that a server sends or reports by itself
// (RFC 6455, section 7.4.1).
const (
	StatusNormal        uint16 = 1000
	StatusProtocolError uint16 = 1002
	StatusNoStatus      uint16 = 1005 // never on the wire: the Close frame had no code
	StatusInvalidData   uint16 = 1007
	StatusTooBig        uint16 = 1009
)

// ErrProtocol matches every *ProtocolError in errors.Is.
var ErrProtocol = errors.New("the peer has broken the protocol")

// ProtocolError is a violation of RFC 6455 or of a limit by the peer. The peer is
// sent a Close frame with Code and Reason.
type ProtocolError struct {
	Code   uint16 // of the Close frame
	Reason string // what was wrong; also the reason in the Close frame
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("the peer has broken the protocol (status %d): %s", e.Code, e.Reason)
}

// Is makes every ProtocolError match ErrProtocol.
func (e *ProtocolError) Is(target error) bool { return target == ErrProtocol }

func violation(reason string) error {
	return &ProtocolError{Code: StatusProtocolError, Reason: reason}
}

func invalidText(reason string) error {
	return &ProtocolError{Code: StatusInvalidData, Reason: reason}
}
