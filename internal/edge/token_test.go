package edge

import (
	"encoding/binary"
	"testing"
)

func TestSpentTokens(t *testing.T) {
	id := func(i int) (id [16]byte) {
		binary.BigEndian.PutUint64(id[:], uint64(i))
		return id
	}
	var s spentTokens
	if s.has(id(1)) {
		t.Error("an unused token is spent")
	}
	for i := range 5 * spentTokensKept {
		s.add(id(i))
	}
	for i := range spentTokensKept {
		if last := 5*spentTokensKept - 1 - i; !s.has(id(last)) {
			t.Fatalf("token %d is forgotten", last)
		}
	}
	if n := len(s.recent) + len(s.older); n > 2*spentTokensKept {
		t.Errorf("%d are kept", n)
	}
}
