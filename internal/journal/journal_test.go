package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// opened opens the journal of a test again, as after kill -9: the one before is not closed.
func opened(t *testing.T, path string, from Mark) (*Journal, []string) {
	t.Helper()
	j, left, err := Open(path, from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	var texts []string
	for _, e := range left {
		texts = append(texts, string(e.Data))
	}
	return j, texts
}

// appended appends entries with these texts.
func appended(j *Journal, entries ...string) (Mark, error) {
	return j.Append(len(entries), func(b []byte, i int) []byte { return append(b, entries[i]...) })
}

// appendEntry appends an entry as Append does.
func appendEntry(b []byte, generation uint64, data []byte) []byte {
	head := len(b)
	b = append(append(b, make([]byte, entryHead)...), data...)
	putHead(b[head:], generation)
	return b
}

func add(t *testing.T, j *Journal, entries ...string) Mark {
	t.Helper()
	m, err := appended(j, entries...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func stored(t *testing.T, j *Journal, m Mark) {
	t.Helper()
	if err := j.Stored(m); err != nil {
		t.Fatal(err)
	}
}

// bytesIn is the size of both files.
func bytesIn(t *testing.T, path string) (n int64) {
	t.Helper()
	for i := 1; i <= 2; i++ {
		if info, err := os.Stat(fmt.Sprint(path, i)); err == nil {
			n += info.Size()
		}
	}
	return n
}

func TestJournal(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}

	t.Run("entries are there after a kill, in order", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		j, left := opened(t, path, Mark{})
		check(t, left)
		add(t, j, "a", "")
		add(t, j, "b")
		_, left = opened(t, path, Mark{})
		check(t, left, "a", "", "b")
	})

	t.Run("entries that the database has are not returned, whatever became of their file", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		j, _ := opened(t, path, Mark{})
		first := add(t, j, "a", "b", "c")
		j.Turn()
		second := add(t, j, "d", "e")
		_, left := opened(t, path, Mark{first.Generation, first.Count - 1})
		check(t, left, "c", "d", "e")
		_, left = opened(t, path, first)
		check(t, left, "d", "e")
		_, left = opened(t, path, second)
		check(t, left)
	})

	t.Run("files are used again when the database has them, and generations grow", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		j, _ := opened(t, path, Mark{})
		var last Mark
		for i := range 10 {
			m := add(t, j, fmt.Sprint(i, "x"), fmt.Sprint(i, "y"))
			if !m.After(last) || m.Count != 2 {
				t.Fatalf("after %+v comes %+v", last, m)
			}
			j.Turn()
			last = add(t, j, fmt.Sprint(i, "z"))
			stored(t, j, m)
			_, left := opened(t, path, m)
			check(t, left, fmt.Sprint(i, "z"))
			stored(t, j, last)
			if n := bytesIn(t, path); n != 0 {
				t.Fatalf("%d bytes are left", n)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j, left := opened(t, path, last)
		check(t, left)
		if m := add(t, j, "next"); !m.After(last) {
			t.Errorf("after %+v comes %+v", last, m)
		}
	})

	t.Run("while the database takes nothing, both files fill, and no entry has a third one", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		j, _ := opened(t, path, Mark{})
		add(t, j, "a")
		for i := range 5 {
			j.Turn()
			add(t, j, fmt.Sprint(i))
		}
		again, left := opened(t, path, Mark{})
		check(t, left, "a", "0", "1", "2", "3", "4")
		if _, err := appended(again, "b"); err == nil {
			t.Error("a file is written that an earlier process has left")
		}
		stored(t, again, Mark{1, 1})
		m := add(t, again, "b")
		_, left = opened(t, path, Mark{1, 1})
		check(t, left, "0", "1", "2", "3", "4", "b")
		stored(t, again, m)
		if n := bytesIn(t, path); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	})

	t.Run("an entry that was cut ends the file, and the next generation is whole", func(t *testing.T) {
		t.Parallel()
		for cut := 1; cut <= entryHead+len("cut off"); cut++ {
			path := filepath.Join(t.TempDir(), "j")
			j, _ := opened(t, path, Mark{})
			first := add(t, j, "whole")
			add(t, j, "cut off")
			if err := os.Truncate(path+"1", bytesIn(t, path)-int64(cut)); err != nil {
				t.Fatal(err)
			}
			j, left := opened(t, path, Mark{})
			check(t, left, "whole")
			stored(t, j, first)
			add(t, j, "next")
			_, left = opened(t, path, first)
			check(t, left, "next")
		}
	})

	t.Run("a file that cannot be read is an error", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		if err := os.Mkdir(path+"1", 0o700); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(path, Mark{}); err == nil {
			t.Error("a folder was opened")
		}
	})

	t.Run("a file of a later version is an error, and stays as it is", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		later := append([]byte(magic[:len(magic)-1]+"2"), "in another form"...)
		if err := os.WriteFile(path+"2", later, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(path, Mark{}); err == nil {
			t.Error("it was opened")
		}
		if b, err := os.ReadFile(path + "2"); err != nil || !bytes.Equal(b, later) {
			t.Errorf("it is %q now, error %v", b, err)
		}
	})

	t.Run("Close removes files without entries, also those of an earlier process", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		j, _ := opened(t, path, Mark{})
		add(t, j, "a")
		j.Turn()
		m := add(t, j, "b")
		j, left := opened(t, path, Mark{})
		check(t, left, "a", "b")
		stored(t, j, m)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if files, err := filepath.Glob(path + "*"); err != nil || len(files) > 0 {
			t.Errorf("%v are left, error %v", files, err)
		}
	})

	t.Run("a file that cannot be written is an error, until it can", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "later")
		j, _ := opened(t, filepath.Join(dir, "j"), Mark{})
		if m, err := appended(j, "a"); err == nil || m != (Mark{}) {
			t.Errorf("got %+v, %v", m, err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		add(t, j, "b")
		_, left := opened(t, filepath.Join(dir, "j"), Mark{})
		check(t, left, "b")
	})
}

// FuzzRead reads files as a crash of the machine may leave them. Their readable part is
// what is written again for the same entries.
func FuzzRead(f *testing.F) {
	whole := appendEntry(appendEntry(appendHeader(nil, 7), 7, []byte("a")), 7, nil)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		all := read(b)
		if len(all) == 0 {
			return
		}
		again := appendHeader(nil, all[0].Mark.Generation)
		for i, e := range all {
			if e.Mark != (Mark{all[0].Mark.Generation, uint64(i + 1)}) {
				t.Fatalf("entry %d has the mark %+v", i, e.Mark)
			}
			again = appendEntry(again, e.Mark.Generation, e.Data)
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("%q was read as %q", b, again)
		}
	})
}

// FuzzOpen opens two files as a crash of the machine or a restored backup may leave them. The
// entries come once and in order, and the journal keeps new ones.
func FuzzOpen(f *testing.F) {
	file := func(generation uint64, entries ...string) []byte {
		b := appendHeader(nil, generation)
		for _, e := range entries {
			b = appendEntry(b, generation, []byte(e))
		}
		return b
	}
	f.Add(file(7, "a", "b"), file(8, "c"), uint64(7), uint64(1))
	f.Add(file(8, "a"), file(7, "c")[:20], uint64(8), uint64(1))
	f.Add(file(7, "a", "b"), file(7, "a"), uint64(0), uint64(0))
	f.Add(file(1<<63-1, "a"), []byte(magic), uint64(0), uint64(9))
	f.Add([]byte("Cnfbfrm2"), file(7, "a"), uint64(0), uint64(0))
	f.Add(make([]byte, 100), file(1<<63, "a"), uint64(3), uint64(0))
	f.Fuzz(func(t *testing.T, one, two []byte, generation, count uint64) {
		path := filepath.Join(t.TempDir(), "j")
		for i, b := range [][]byte{one, two} {
			if err := os.WriteFile(fmt.Sprint(path, i+1), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		last := Mark{generation >> 1, count}
		j, all, err := Open(path, last)
		if later := foreign(one) || foreign(two); later != (err != nil) {
			t.Fatalf("a later version: %t, error %v", later, err)
		} else if later {
			return
		}
		defer j.Close()
		for _, e := range all {
			if !e.Mark.After(last) {
				t.Fatalf("after %+v comes %+v", last, e.Mark)
			}
			last = e.Mark
		}
		if last.Generation >= 1<<62 {
			return // No journal gets there.
		}
		stored(t, j, last)
		m := add(t, j, "new")
		if !m.After(last) {
			t.Errorf("after %+v comes %+v", last, m)
		}
		again, left := opened(t, path, last)
		if !slices.Equal(left, []string{"new"}) {
			t.Errorf("found %q", left)
		}
		stored(t, again, m)
		if n := bytesIn(t, path); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	})
}
