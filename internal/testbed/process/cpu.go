package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/<pid>/stat on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU returns the processor time that the server has used so far, in user and
// kernel mode (proc(5), fields 14 and 15 of stat). Linux only, but for a server
// that has ended.
func (s *Server) CPU() (time.Duration, error) {
	select {
	case <-s.done:
		state := s.cmd.ProcessState
		return state.UserTime() + state.SystemTime(), nil
	default:
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(s.PID()) + "/stat")
	if err != nil {
		return 0, err
	}
	// The name of the program, field 2, may hold spaces; it ends at the last bracket.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/<pid>/stat is %q", b)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/<pid>/stat is %q", b)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
