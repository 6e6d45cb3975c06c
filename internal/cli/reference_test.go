package cli

import (
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/cli.md")

// TestReference holds docs/cli.md against the commands.
func TestReference(t *testing.T) {
	root := NewRoot(Environment{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	want := reference(root)
	const path = "../../docs/cli.md"
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/cli.md is not that of the commands; run go generate ./internal/cli\n%s", diff)
	}
	for _, cmd := range leaves(root) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: the short help %q must be a phrase without a full stop", cmd.CommandPath(), cmd.Short)
		}
	}
}
