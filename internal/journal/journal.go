// Package journal keeps entries in files until a database has them. An entry survives kill
// -9 as soon as Append returns: it is in the memory of the operating system. That costs one
// write, where a transaction costs a hundred times as much; so a database can store many
// entries in one transaction, later.
//
// There are two files. One takes new entries while the other one is being stored. A file is
// emptied when the database has all of it, and its next entries are a new generation. Each
// entry is stored exactly once, because of three rules:
//
//	Append    returns after the write; only then is the entry acknowledged
//	database  stores entries in the order of the journal, and in the same transaction the
//	          Mark of the last one
//	Stored    is called after that transaction; only then is a file emptied
//
// After a crash, Open gets the Mark that the database has, and returns the entries after it.
// They must be stored before others, and before anything reads the database.
//
// Nothing is synced. A power failure may lose the last entries, or a transaction whose
// entries the journal has no longer. What Open then reads is whole entries nevertheless.
//
// # Files
//
// Numbers are little-endian. A file is a header, then entries:
//
//	header  "Cnfbfrm1", generation (8 bytes, 1 to 1<<63 - 1)
//	entry   length (4 bytes), checksum (4 bytes), data
//
// The checksum is CRC-32C of the generation (8 bytes) and the data, so what an earlier
// generation has left is no entry. A file ends at the first entry that is incomplete or does
// not have its checksum: Append did not return for it. A file without a whole header is empty.
// The last byte of the name is the version; a file of a later version is refused.
package journal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"slices"
	"sync"
)

// Mark is how far a reader of the journal is: it has all earlier generations, and the first
// Count entries of this one. The zero Mark is before the first entry.
type Mark struct {
	Generation uint64
	Count      uint64
}

// After reports whether m is after other.
func (m Mark) After(other Mark) bool {
	return cmp.Or(cmp.Compare(m.Generation, other.Generation), cmp.Compare(m.Count, other.Count)) > 0
}

// Entry is an entry with the mark of a reader that has it.
type Entry struct {
	Mark Mark
	Data []byte
}

// Journal is an open journal. Its methods are safe for concurrent use.
type Journal struct {
	mu     sync.Mutex // guards what follows
	files  [2]*file
	active *file // nil: the next Append takes a file that is empty
	last   uint64
	buffer []byte // of Append
	closed bool
}

// file is one of the files.
type file struct {
	path string
	open *os.File // nil before its first use
	// generation is 0 if the file is empty. count is how many entries it has, and stored how
	// many of these are stored elsewhere.
	generation    uint64
	count, stored uint64
	size          int64
	torn          bool // a write failed: what follows would be unreadable
	emptying      bool // Stored works on it
}

func (f *file) empty() bool { return f.generation == 0 && !f.emptying }

// whole reports whether the file has entries, all of which are stored.
func (f *file) whole() bool { return f.generation > 0 && f.stored >= f.count && !f.emptying }

// The errors of Append, besides those of the operating system.
var (
	ErrBusy   = errors.New("both files of the journal wait for the database")
	ErrClosed = errors.New("the journal is closed")
)

// Open opens the journal in the files path+"1" and path+"2", which need not exist. It
// returns the entries after from, in order. Nothing else may use the files.
func Open(path string, from Mark) (*Journal, []Entry, error) {
	j := &Journal{last: from.Generation}
	for i := range j.files {
		j.files[i] = &file{path: fmt.Sprint(path, i+1)}
	}
	found := [len(j.files)][]Entry{}
	for i, f := range j.files {
		data, err := os.ReadFile(f.path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read the journal of what was delivered: %w; make it readable and writable for this user", err)
		}
		if foreign(data) {
			return nil, nil, fmt.Errorf("the journal %s has a form that this release cannot read; start the release that wrote it once more, and stop it", f.path)
		}
		found[i] = read(data)
		// What is unreadable was not acknowledged. The file is emptied when the rest is stored.
		f.torn, f.size, f.generation, f.count = true, int64(len(data)), from.Generation, 0
		if n := len(found[i]); n > 0 {
			f.generation, f.count = found[i][n-1].Mark.Generation, uint64(n)
		}
		f.generation = max(f.generation, 1)
		j.last = max(j.last, f.generation)
	}
	all := slices.Concat(found[:]...)
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Mark.Generation, b.Mark.Generation), cmp.Compare(a.Mark.Count, b.Mark.Count))
	})
	all = slices.DeleteFunc(all, func(e Entry) bool { return !e.Mark.After(from) })
	// Only files that were copied have an entry twice.
	all = slices.CompactFunc(all, func(a, b Entry) bool { return a.Mark == b.Mark })
	return j, all, j.Stored(from)
}

// Append adds n entries. entry appends the data of the one with an index to b. It returns the
// mark of the last one; the marks of the others count down from it. After an error the entries
// may or may not be in the journal: if the mark is not zero, they have it nevertheless.
func (j *Journal) Append(n int, entry func(b []byte, i int) []byte) (Mark, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f, err := j.writable()
	if err != nil {
		return Mark{}, err
	}
	b := j.buffer[:0]
	if f.generation == 0 {
		j.last++
		f.generation = j.last
		b = appendHeader(b, f.generation)
	}
	for i := range n {
		head := len(b)
		b = entry(append(b, make([]byte, entryHead)...), i)
		putHead(b[head:], f.generation)
	}
	if j.buffer = b; cap(b) > mostBuffer {
		j.buffer = nil
	}
	f.count += uint64(n)
	written, err := f.open.WriteAt(b, f.size)
	f.size += int64(written)
	f.torn = err != nil
	return Mark{f.generation, f.count}, err
}

// mostBuffer bounds the memory that is kept for the next Append.
const mostBuffer = 1 << 20

// writable returns the file that takes the next entries.
func (j *Journal) writable() (*file, error) {
	if j.closed {
		return nil, ErrClosed
	}
	f := j.active
	if f == nil || f.torn {
		i := slices.IndexFunc(j.files[:], (*file).empty)
		if i < 0 {
			return nil, ErrBusy
		}
		f = j.files[i]
	}
	if f.open == nil {
		var err error
		if f.open, err = os.OpenFile(f.path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			return nil, err
		}
	}
	j.active = f
	return f, nil
}

// Turn begins the other file, if it is empty, so that the entries until now can be stored
// and their file emptied, whatever is appended meanwhile.
func (j *Journal) Turn() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.active != nil && j.active.generation > 0 && slices.ContainsFunc(j.files[:], (*file).empty) {
		j.active = nil
	}
}

// Stored says that all entries up to m are stored elsewhere. It empties the files without
// others. After an error this is tried again by the next call.
func (j *Journal) Stored(m Mark) error {
	var done []*file
	j.mu.Lock()
	for _, f := range j.files {
		switch {
		case f.generation == 0:
			continue
		case f.generation < m.Generation:
			f.stored = f.count
		case f.generation == m.Generation:
			f.stored = max(f.stored, m.Count)
		}
		if f.whole() {
			if j.active == f {
				j.active = nil
			}
			f.emptying = true
			done = append(done, f)
		}
	}
	j.mu.Unlock()
	// Appends to the other file do not wait for this.
	var errs []error
	for _, f := range done {
		err := os.Truncate(f.path, 0)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		errs = append(errs, err)
		j.mu.Lock()
		f.emptying = false
		if err == nil {
			f.generation, f.count, f.stored, f.size, f.torn = 0, 0, 0, 0, false
		}
		j.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Close closes the files and removes those that are empty. The others are found by the
// next Open.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, f := range j.files {
		if f.open != nil {
			errs = append(errs, f.open.Close())
			f.open = nil
		}
		if !f.empty() {
			continue
		}
		if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	j.closed = true
	return errors.Join(errs...)
}

// The form of files is in the package comment.
const (
	magic      = "Cnfbfrm1"
	headerSize = len(magic) + 8
	entryHead  = 8
)

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of an entry. Entries of another generation do not have it.
func checksum(generation uint64, data []byte) uint32 {
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], generation)
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, data)
}

func appendHeader(b []byte, generation uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, magic...), generation)
}

// putHead sets the head of an entry whose data is behind it.
func putHead(e []byte, generation uint64) {
	data := e[entryHead:]
	binary.LittleEndian.PutUint32(e, uint32(len(data)))
	binary.LittleEndian.PutUint32(e[4:], checksum(generation, data))
}

// foreign reports whether a later release has written the file. What a power failure leaves is
// not foreign.
func foreign(b []byte) bool {
	const family = len(magic) - 1 // The last byte is the version.
	return len(b) >= len(magic) && string(b[:family]) == magic[:family] && b[family] > magic[family]
}

// read returns the entries of a file, up to the first one that is incomplete or damaged.
func read(b []byte) (all []Entry) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return nil
	}
	generation := binary.LittleEndian.Uint64(b[len(magic):])
	if generation == 0 || generation > math.MaxInt64 {
		return nil
	}
	for b = b[headerSize:]; len(b) >= entryHead; {
		size, sum := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		b = b[entryHead:]
		if uint64(size) > uint64(len(b)) || checksum(generation, b[:size]) != sum {
			break
		}
		all = append(all, Entry{Mark{generation, uint64(len(all) + 1)}, b[:size:size]})
		b = b[size:]
	}
	return all
}
