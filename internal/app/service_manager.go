package app

import (
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What systemd is told about the process of a service (sd_notify(3)).
const (
	notifyReady     = "READY=1"
	notifyReloading = "RELOADING=1"
	notifyStopping  = "STOPPING=1"
	notifyStatus    = "STATUS="
	notifyMainPID   = "MAINPID="
	notifyTime      = "MONOTONIC_USEC="
)

// notifyWithin is the time limit for one notification.
const notifyWithin = time.Second

// notifyManager sends the state of the service to systemd, or another manager with the
// same protocol. It does nothing without one. A manager that loses a notification
// reports it itself.
func notifyManager(state ...string) {
	address := os.Getenv("NOTIFY_SOCKET") // One that begins with @ is abstract, for net too.
	if address == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(notifyWithin)) //nolint:errcheck // See above.
	conn.Write([]byte(strings.Join(state, "\n")))       //nolint:errcheck // See above.
}

// monotonic is the present time by the clock of MONOTONIC_USEC.
func monotonic() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return notifyTime + "0"
	}
	return notifyTime + strconv.FormatInt(now.Nano()/int64(time.Microsecond), 10)
}
