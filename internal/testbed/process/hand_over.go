package process

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// handedOver is what a server logs when it hands over, and refused when it does not.
var (
	handedOver = regexp.MustCompile(`"?Handed over"?.*\bpid"?[=:](\d+)`)
	refused    = regexp.MustCompile(`.*The hand-over failed.*`)
)

// handOverTimeout is how long a hand-over may take. A node of several drains first.
const handOverTimeout = 2 * startTimeout

// HandOver has the server hand over to a new process, which then is the process of
// s. If the server continues instead, the error is the line that says why.
func (s *Server) HandOver(ctx context.Context) error {
	before := s.log.Len()
	if err := s.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		log := s.log.From(before)
		if m := handedOver.FindStringSubmatch(log); m != nil {
			pid, err := strconv.ParseInt(m[1], 10, 64)
			s.successor.Store(pid)
			return err
		}
		if line := refused.FindString(log); line != "" {
			return errors.New(strings.TrimSpace(line))
		}
		select {
		case <-tick.C:
		case <-s.done:
			return fmt.Errorf("the server has ended\n%s", log)
		case <-ctx.Done():
			return fmt.Errorf("no hand-over: %w\n%s", ctx.Err(), log)
		}
	}
}
