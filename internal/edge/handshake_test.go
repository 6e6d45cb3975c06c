package edge

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"confab/internal/rfc6455"
	"confab/internal/websocket"
)

func TestEndingOf(t *testing.T) {
	for _, tt := range []struct {
		cause error
		want  string
	}{
		{&websocket.CloseError{Code: 1000}, "left"},
		{io.EOF, "left"},
		{&rfc6455.ProtocolError{Code: 1002}, "protocol error"},
		{websocket.ErrSlow, "too slow"},
		{websocket.ErrIdle, "dead peer"},
		{websocket.ErrPanic, "internal error"},
		{fmt.Errorf("attach: %w", websocket.ErrServerClosed), "stopped"},
		{errors.New("connection reset by peer"), "left"},
	} {
		if got := endingOf(tt.cause); got != tt.want {
			t.Errorf("%v is %q, want %q", tt.cause, got, tt.want)
		}
	}
}
