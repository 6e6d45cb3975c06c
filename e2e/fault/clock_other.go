//go:build !linux || !amd64

package fault

import (
	"errors"
	"os"
	"time"
)

// SetClock knows the code of no other processor.
func SetClock(*os.Process, time.Duration) error { return errors.ErrUnsupported }
