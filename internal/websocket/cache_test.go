package websocket

import (
	"testing"
	"unsafe"
)

// Loops do not wait for each other: what one uses for each delivery is on no cache line that
// another goroutine writes meanwhile. The allocator puts objects whose size is a multiple of a
// line at the beginning of one.
func TestCacheLines(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the padding is for 64 bits")
	}
	const line = unsafe.Sizeof(cacheLine{})
	for name, size := range map[string]uintptr{
		"part": unsafe.Sizeof(part{}), "Group": unsafe.Sizeof(Group{}), "chunk": unsafe.Sizeof(chunk{}),
	} {
		if size%line != 0 {
			t.Errorf("a %s has %d bytes; make it a multiple of %d", name, size, line)
		}
	}
	var l loop
	for name, gap := range map[string]uintptr{
		"before mu":     unsafe.Offsetof(l.mu) - (unsafe.Offsetof(l.done) + unsafe.Sizeof(l.done)),
		"before poller": unsafe.Offsetof(l.poller) - (unsafe.Offsetof(l.load) + unsafe.Sizeof(l.load)),
	} {
		if gap < line {
			t.Errorf("%s, a loop has a gap of %d bytes, want %d", name, gap, line)
		}
	}
}
