package commands

import (
	"os/exec"
	"strings"
	"testing"

	"confab/internal/testbed/process"
)

// shells are those for which confab completion makes a script, and how each starts without the
// files of this machine and reads the script.
var shells = []struct {
	name  string
	args  []string
	setup string
}{
	{"bash", []string{"--norc", "--noprofile", "-i"}, "PS1='$ '; . /usr/share/bash-completion/bash_completion; source <(confab completion bash)"},
	{"zsh", []string{"-f", "-i"}, "PS1='$ '; autoload -Uz compinit; compinit -u -D; source <(confab completion zsh); compdef _confab confab"},
	{"fish", []string{"--no-config", "-i"}, "function fish_prompt; echo '$ '; end; confab completion fish | source"},
}

// TestCompletion presses Tab in real shells: each completes commands, and the names of what the
// server and the database have.
func TestCompletion(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := append(environment(t, server.Endpoint), "LANG=C.UTF-8")
	dir := t.TempDir()
	shell(t, env, dir, `confab room create lobby
confab webhook create application https://app.invalid/ --event message.sent
confab filter put lobby insults --term idiot
confab filter put all scams --term scam
confab logging create archive --s3 chat-archive
confab ban lobby troublemaker
echo '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}' >policy.json
confab credentials create --name moderator --policy policy.json --data-dir `+server.DataDir)
	for _, sh := range shells {
		t.Run(sh.name, func(t *testing.T) {
			program, err := exec.LookPath(sh.name)
			if err != nil {
				t.Fatalf("%s is not installed: run \"make setup\"", sh.name)
			}
			p := startProgram(t, env, 180, 24, program, sh.args...)
			p.keys(sh.setup + "; clear; echo rea''dy" + enter)
			prompt := func(rows []string) bool { // A shell that is not there yet mixes up what is typed.
				last := ""
				for _, row := range rows {
					if row = strings.TrimSpace(row); row != "" {
						last = row
					}
				}
				return last == "$"
			}
			p.until("prompt", func(rows []string) bool { return rows[0] == "ready" && prompt(rows) })
			for _, c := range []struct{ typed, completed string }{
				{"confab web", "confab webhook"},
				{"confab room get lo", "confab room get lobby"},
				{"confab chat lobby ", "confab chat lobby --as"},
				{"confab apply ", "confab apply --file"},
				{"confab webhook get app", "confab webhook get application"},
				{"confab filter get lobby in", "confab filter get lobby insults"},
				{"confab filter delete all sc", "confab filter delete all scams"},
				{"confab logging get arc", "confab logging get archive"},
				{"confab unban lobby tr", "confab unban lobby troublemaker"},
				{"confab room update lobby --logging arc", "confab room update lobby --logging archive"},
				{"confab credentials delete --data-dir " + server.DataDir + " --name mod", "confab credentials delete --data-dir " + server.DataDir + " --name moderator"},
			} {
				p.keys(c.typed + "\t")
				p.until("completion of "+c.typed, func(rows []string) bool {
					return strings.Contains(strings.Join(rows, "\n"), "$ "+c.completed)
				})
				p.keys("\x15\x0b") // Ctrl-U and Ctrl-K empty the line.
				p.until("empty line", prompt)
			}
			p.keys("exit" + enter)
			p.ends()
		})
	}
}
