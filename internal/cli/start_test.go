package cli_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mostInit is how much all packages of the program may allocate before main, which every
// command pays and every completion. It is not a time, so that no load changes it.
const mostInit = 20_000

var inits = regexp.MustCompile(`(?m)^init (\S+) .* (\d+) allocs$`)

// TestStart has the program initialise no more than it needs: a completion should feel
// instant. GODEBUG=inittrace=1 prints what each package does before main.
func TestStart(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	total, most := 0, 0
	largest := ""
	for _, init := range inits.FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.Atoi(init[2])
		if err != nil {
			t.Fatal(err)
		}
		total += n
		if n > most {
			most, largest = n, init[1]
		}
		if strings.HasSuffix(init[1], "/schemas") {
			t.Errorf("%s makes the schemas of every operation of a service before main (%d allocations); go.mod says which versions of the AWS SDK do not", init[1], n)
		}
	}
	if total == 0 || total > mostInit {
		t.Errorf("packages make %d allocations before main, at most %d are allowed; the most are of %s: %d", total, mostInit, largest, most)
	}
}
