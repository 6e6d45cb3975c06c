package chatlog

import (
	"bytes"
	"context"
	"hash/maphash"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"confab/internal/background"
	"confab/internal/chat"
)

// files are the destinations below a directory, for --log-destinations local:
//
//	s3/<bucket>/AWSLogs/…/….log.gz                     the objects, with their keys
//	cloudWatchLogs/<group>/aws/IVSChatLogs/1.0/room_<id>.jsonl  a file per stream
//	firehose/<delivery stream>.jsonl                   a file per delivery stream
//
// An object appears as a whole. Other files grow by whole calls and are synced after
// each. A crash can leave unacknowledged records in a file. So the end of a file is
// read before the first append after a start: a torn last line is removed, and records
// that are already there are not appended again. The same happens when another program
// has moved, emptied or changed a file.
type files struct {
	dir string

	mu   sync.Mutex
	open map[string]*appended // by path; guarded by mu
}

// appended is one file that grows.
type appended struct {
	mu   sync.Mutex // held while the file is written
	size int64      // -1: its end must be read
	// known are hashes of the lines that were at its end when it was read.
	known map[uint64]bool
}

func newFiles(dir string) *files { return &files{dir: dir, open: map[string]*appended{}} }

const (
	// maxOpen bounds how many files are remembered. A forgotten file costs another read
	// of its end.
	maxOpen = 4096
	// tailSize is how much of a file's end is read after a start. It is more than a
	// process can write without an acknowledgement.
	tailSize = 8 << 20
)

// lock returns the state of the file, locked. The caller unlocks it.
func (f *files) lock(path string) *appended {
	for {
		f.mu.Lock()
		a := f.open[path]
		if a == nil {
			if len(f.open) >= maxOpen {
				f.forget()
			}
			a = &appended{size: -1}
			f.open[path] = a
		}
		f.mu.Unlock()
		a.mu.Lock()
		f.mu.Lock()
		same := f.open[path] == a
		f.mu.Unlock()
		if same {
			return a
		}
		a.mu.Unlock() // It was forgotten meanwhile.
	}
}

// forget makes space in the map. The caller holds f.mu.
func (f *files) forget() {
	for path, a := range f.open {
		if a.mu.TryLock() {
			delete(f.open, path)
			a.mu.Unlock()
		}
	}
}

// localDestination is one destination among the files.
type localDestination struct {
	files *files
	kind  chat.DestinationType
	name  string
}

func (d *localDestination) limits() limits {
	if d.kind == chat.S3 {
		return objectLimits()
	}
	if d.kind == chat.Firehose {
		return limits{records: 10_000, size: 4 << 20, rooms: 500, calls: 1}
	}
	return limits{records: 10_000, size: 1 << 20, rooms: 1, calls: 4}
}

func (d *localDestination) deliver(ctx context.Context, parcels []*parcel) error {
	var all []Record // for a delivery stream, which all rooms share
	for _, p := range parcels {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.kind == chat.Firehose {
			all = append(all, p.records...)
			continue
		}
		if err := d.write(p); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	// Records that were under way when the previous process was killed can come with
	// any call until this process ends.
	return d.files.append(d.base()+growing, all, true)
}

// growing is the suffix of the files that grow.
const growing = ".jsonl"

// maxComponent is the longest file name, with its suffix, in common file systems.
const maxComponent = 255

// base returns the directory or, for a delivery stream, the file without its suffix. No
// name leads out of the directory: characters that are not allowed in a name, such as
// the slashes of log groups, are escaped. A name that is then too long is split into
// nested directories. All but the last of them end with a percent sign. No escaped name
// does, so two names never share a file.
func (d *localDestination) base() string {
	name := url.PathEscape(d.name)
	if strings.Trim(name, ".") == "" {
		name = strings.ReplaceAll(name, ".", "%2E")
	}
	path := filepath.Join(d.files.dir, string(d.kind))
	const most = maxComponent - len(growing)
	for len(name) > maxComponent || d.kind == chat.Firehose && len(name) > most {
		cut := most - 1
		for name[cut-1] == '%' || name[cut-2] == '%' {
			cut-- // An escape is not split.
		}
		path, name = filepath.Join(path, name[:cut]+"%"), name[cut:]
	}
	return filepath.Join(path, name)
}

// write writes an object, or appends to the stream of a room.
func (d *localDestination) write(p *parcel) error {
	if d.kind == chat.CloudWatchLogs {
		return d.files.append(filepath.Join(d.base(), filepath.FromSlash(streamName(p.backlog.RoomID))+growing), p.records, false)
	}
	body, err := compress(p.records)
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(d.base(), filepath.FromSlash(p.key)), body)
}

// writeWhole writes a file atomically.
func writeWhole(path string, body []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(body); err != nil {
		return err
	}
	if err := background.Sync(f); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return background.SyncDir(dir)
}

// append adds the records to the file and syncs it. With keep, what is known of the
// file's end is kept for later calls.
func (f *files) append(path string, records []Record, keep bool) error {
	a := f.lock(path)
	defer a.mu.Unlock()
	file, err := openGrowing(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := a.readTail(file); err != nil {
		return err
	}
	var body, line []byte
	for i := range records {
		line = append(AppendRecord(line[:0], &records[i]), '\n')
		if !a.known[maphash.Bytes(lineSeed, line)] {
			body = append(body, line...)
		}
	}
	// The size is unknown until the write succeeds.
	size := a.size
	a.size = -1
	if _, err := file.WriteAt(body, size); err != nil {
		return err
	}
	if err := background.Sync(file); err != nil {
		return err
	}
	a.size = size + int64(len(body))
	if !keep {
		a.known = nil
	}
	return nil
}

var lineSeed = maphash.MakeSeed()

// openGrowing opens the file. It creates the file and its directory when they do not
// exist.
func openGrowing(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if !os.IsNotExist(err) {
		return file, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := background.SyncDir(filepath.Dir(path)); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// readTail finds the end of the last whole line and remembers the lines before it,
// unless the file is as the last call left it. A replaced file must be read again: a
// write at the old file's end would leave a hole in it. The caller holds a.mu.
func (a *appended) readTail(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() == a.size {
		return err
	}
	start := max(0, info.Size()-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(file, start, info.Size()-start))
	if err != nil {
		return err
	}
	whole := tail[:bytes.LastIndexByte(tail, '\n')+1]
	end := start + int64(len(whole))
	if err := file.Truncate(end); err != nil {
		return err
	}
	a.known = map[uint64]bool{}
	for line := range bytes.Lines(whole) {
		a.known[maphash.Bytes(lineSeed, line)] = true
	}
	a.size = end
	return nil
}
