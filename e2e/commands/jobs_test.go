package commands

import (
	"regexp"
	"strings"
	"testing"

	"confab/internal/testbed/process"
)

// TestJobs does the most usual jobs by completion alone: from "confab " and two Tabs on, each
// step takes the one offer that has the words of the job in its name or description, until it
// is at the command.
func TestJobs(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := append(environment(t, server.Endpoint), "LANG=C.UTF-8")
	p := startProgram(t, env, 160, 60, "bash", shells[0].args...)
	p.keys(shells[0].setup + "; clear; echo rea''dy" + enter)
	p.until("prompt", func(rows []string) bool { return rows[0] == "ready" && rows[1] == "$" })
	offer := regexp.MustCompile(`^(\S+) +\((.+)\)$`)
	offers := func(typed string) map[string]string {
		t.Helper()
		p.keys("clear" + enter)
		p.until("empty screen", func(rows []string) bool { return rows[0] == "$" && rows[1] == "" })
		p.keys(typed + "\t\t")
		found := map[string]string{}
		p.until("offers for "+typed, func(rows []string) bool {
			clear(found)
			last := ""
			for _, row := range rows[1:] {
				if parts := offer.FindStringSubmatch(row); parts != nil {
					found[parts[1]] = parts[2]
				}
				if row != "" {
					last = row
				}
			}
			return len(found) > 0 && last == "$ "+strings.TrimSpace(typed) // The line again, below the list.
		})
		p.keys("\x15") // Ctrl-U empties the line.
		p.until("empty line", func(rows []string) bool {
			whole := strings.TrimRight(strings.Join(rows, "\n"), "\n")
			return strings.HasSuffix(whole, "\n$")
		})
		return found
	}
	known := map[string]map[string]string{}
	for _, test := range []struct {
		job     string
		words   []string // of the job, one for each step
		command string
	}{
		{"make a room", []string{"Manage rooms", "Create a room"}, "confab room create"},
		{"get a token", []string{"Create chat tokens", "Create a chat token"}, "confab token create"},
		{"chat", []string{"Chat in"}, "confab chat"},
		{"watch", []string{"Watch"}, "confab tail"},
		{"ban", []string{"Ban"}, "confab ban"},
		{"find out why a message was refused", []string{"why messages were refused"}, "confab trace"},
		{"load-test", []string{"Load-test"}, "confab load"},
		{"move rooms over from AWS", []string{"AWS"}, "confab import"},
		{"check a broken proxy", []string{"proxies"}, "confab doctor"},
		{"export a chat", []string{"export", "Export"}, "confab room export"},
	} {
		t.Run(test.job, func(t *testing.T) {
			line := "confab"
			for _, word := range test.words {
				if known[line] == nil {
					known[line] = offers(line + " ")
				}
				var taken []string
				for name, description := range known[line] {
					if strings.Contains(description, word) {
						taken = append(taken, name)
					}
				}
				if len(taken) != 1 {
					t.Fatalf("%q is in the descriptions of %q, want one; %s offers %q", word, taken, line, known[line])
				}
				line += " " + taken[0]
			}
			if line != test.command {
				t.Errorf("completion leads to %q, want %q", line, test.command)
			}
		})
	}
	p.keys("exit" + enter)
	p.ends()
}
