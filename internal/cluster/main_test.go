package cluster_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs fewer rounds of faults than rapid would, unless -rapid.checks
// asks for more: a round is half a minute of simulated traffic.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "15"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
