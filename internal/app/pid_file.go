package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"confab/internal/flock"
)

// pidFile is the file of --pid-file, with the id of the process that serves. The
// process keeps the file open and locked, so that a command can tell it from a later
// process with the same id. A nil pidFile does nothing.
//
// A file with failedSuffix beside it says why the last hand-over failed.
type pidFile struct {
	path string
	file *os.File // has a temporary name until publish
}

const failedSuffix = ".failed"

// openPIDFile prepares the file at path, so that a path that cannot be written is
// refused early. It is nil without a path. Unless the file is taken over from a
// predecessor, it must not belong to another running process.
func openPIDFile(path string, takenOver bool) (*pidFile, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // See pidFile.
	}
	if pid, err := RunningServer(path); err == nil && !takenOver {
		return nil, fmt.Errorf("the PID file %q belongs to process %d, which is running; stop it or choose another file with --pid-file", path, pid)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("cannot write the PID file: %w; choose another with --pid-file", err)
	}
	p := &pidFile{path: path, file: f}
	err = errors.Join(flock.Try(f), f.Chmod(0o644))
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("cannot write the PID file: %w; choose another with --pid-file", err)
	}
	return p, nil
}

// publish gives the file its name, in place of a predecessor's.
func (p *pidFile) publish() error {
	if p == nil {
		return nil
	}
	return os.Rename(p.file.Name(), p.path)
}

// close removes the file, unless it is another process's by now.
func (p *pidFile) close() {
	if p == nil {
		return
	}
	defer p.file.Close()
	os.Remove(p.file.Name()) // It has this name only before publish.
	ours, err := p.file.Stat()
	if err != nil {
		return
	}
	if now, err := os.Lstat(p.path); err == nil && os.SameFile(ours, now) {
		os.Remove(p.path) // A file that stays is not locked.
		p.begin()
	}
}

// begin removes the result of the last hand-over.
func (p *pidFile) begin() {
	if p != nil {
		os.Remove(p.path + failedSuffix) // Mostly there is none.
	}
}

// failed records why a hand-over failed.
func (p *pidFile) failed(why error) {
	if p == nil {
		return
	}
	//nolint:errcheck,gosec // The reason is in the log, too. The command may run as another user.
	os.WriteFile(p.path+failedSuffix, []byte(oneLine(why)+"\n"), 0o644)
}

// RunningServer returns the id of the running process that has written a PID file.
func RunningServer(path string) (pid int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("cannot read the PID file: %w; name the file of the server's --pid-file", err)
	}
	defer f.Close()
	if !flock.Held(f) {
		return 0, fmt.Errorf("no process that has written the PID file %q is running", path)
	}
	text := make([]byte, 32)
	n, err := f.Read(text)
	if err != nil {
		return 0, fmt.Errorf("cannot read the PID file: %w", err)
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("the PID file %q does not hold the id of a process", path)
	}
	return pid, nil
}

// FailedHandOver returns why the last hand-over of the server with a PID file failed,
// or "" if it has not.
func FailedHandOver(path string) string {
	text, err := os.ReadFile(path + failedSuffix)
	if err != nil {
		return ""
	}
	why, complete := strings.CutSuffix(string(text), "\n")
	if !complete { // It is being written.
		return ""
	}
	return why
}

// ForgetFailedHandOver makes FailedHandOver return "" until another hand-over fails.
func ForgetFailedHandOver(path string) error {
	if err := os.Remove(path + failedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the result of the last hand-over: %w", err)
	}
	return nil
}
