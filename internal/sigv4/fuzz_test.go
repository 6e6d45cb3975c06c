package sigv4_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"confab/internal/sigv4"
)

// FuzzParse reads arbitrary requests. Whatever Parse accepts keeps its promises
// and is refused afterwards: nobody here knows the secret.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{vanilla, presigned} {
		f.Add([]byte(strings.ReplaceAll(seed, "\n", "\r\n")))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, body, err := read(wire)
		if err != nil {
			return
		}
		a, err := sigv4.Parse(r)
		if err != nil {
			if a != nil {
				t.Error("Parse returned both an authorization and an error")
			}
			return
		}
		if a.AccessKeyID == "" || a.Signature == "" || !slices.Contains(a.SignedHeaders, "host") || !slices.IsSorted(a.SignedHeaders) {
			t.Errorf("accepted %+v", a)
		}
		if a.Expires < 0 || a.Expires > sigv4.MaxExpires {
			t.Errorf("accepted a life of %v", a.Expires)
		}
		_ = a.Check(a.Time, a.Region, a.Service)
		if a.Verify(r, sum(body), hex.EncodeToString([]byte(t.Name()))) == nil {
			t.Errorf("verified %+v", a)
		}
	})
}
