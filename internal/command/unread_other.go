//go:build !linux

package command

import "io"

// WhenUnread does nothing: here, the next write notices that the reader has left.
func WhenUnread(io.Writer, func()) {}
