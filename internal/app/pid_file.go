package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidFile is the file of --pid-file. The server keeps it open and locked, so that
// a command can tell its process from another one with the same id.
type pidFile struct {
	path string // empty without the setting
	file *os.File
}

// FailedSuffix is appended to the name of a PID file for the file that says why
// the last hand-over failed.
const FailedSuffix = ".failed"

// write puts this process into the file.
func (p *pidFile) write() error {
	if p.path == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(p.path), filepath.Base(p.path)+".*")
	if err != nil {
		return err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return err
	}
	p.file = f
	return nil
}

// remove removes the file, unless another process has written it since.
func (p *pidFile) remove() {
	if p.file == nil {
		return
	}
	if pid, err := readPID(p.path); err == nil && pid == os.Getpid() {
		os.Remove(p.path)
	}
	p.file.Close()
	p.file = nil
}

// begin forgets how the last hand-over ended.
func (p *pidFile) begin() {
	if p.path != "" {
		os.Remove(p.path + FailedSuffix)
	}
}

// failed notes why a hand-over failed.
func (p *pidFile) failed(why error) {
	if p.path != "" {
		text := strings.Join(strings.Fields(why.Error()), " ") + "\n"
		os.WriteFile(p.path+FailedSuffix, []byte(text), 0o644) //nolint:errcheck,gosec // It is in the log, too. The command may have another user.
	}
}

func readPID(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// RunningServer returns the id of the process that has written the PID file and
// still runs.
func RunningServer(path string) (pid int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("cannot read the PID file: %w; name the file of the server's --pid-file", err)
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return 0, fmt.Errorf("no server that has written %s is running", path)
	}
	if pid, err = readPID(path); err != nil {
		return 0, fmt.Errorf("the PID file %s cannot be used: %w", path, err)
	}
	return pid, nil
}
