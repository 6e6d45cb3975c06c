package chatscreen

import (
	"context"
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"confab/internal/command"
)

// question asks a moderator for the rest of what is done to a user.
type question struct {
	prompt string
	input  textinput.Model
	does   func(answer string) tea.Cmd
}

// act does what a key means for the selected message.
func (m *model) act(key string) (cmd tea.Cmd, done bool) {
	i := m.selected
	user := i.frame.Sender.UserID
	switch {
	case key == "delete" && m.o.Delete:
		id := i.frame.ID
		return func() tea.Msg {
			return doneMsg{problem: m.request("DELETE_MESSAGE", map[string]any{"Id": id})}
		}, true
	case key == disconnectKey && m.o.Disconnect:
		m.ask("Disconnect "+user+" [REASON]", func(reason string) tea.Cmd {
			return func() tea.Msg {
				members := map[string]any{"UserId": user}
				if reason != "" {
					members["Reason"] = reason
				}
				return doneMsg{problem: m.request("DISCONNECT_USER", members)}
			}
		})
		return nil, true
	}
	for _, r := range m.o.Restrictions {
		if key == r.Key {
			m.ask(strings.ToUpper(r.Verb[:1])+r.Verb[1:]+" "+user+" [TIME] [REASON]", func(answer string) tea.Cmd {
				lasts, reason := splitAnswer(answer)
				return func() tea.Msg { return m.restrict(r, user, reason, lasts) }
			})
			return nil, true
		}
	}
	return nil, false
}

func (m *model) restrict(r Restriction, user, reason string, lasts time.Duration) tea.Msg {
	ctx, cancel := context.WithTimeout(m.ctx, answerTime)
	defer cancel()
	if err := m.o.Restrict(ctx, r.Kind, user, reason, lasts); err != nil {
		return doneMsg{problem: err.Error()}
	}
	time := "for good"
	if lasts > 0 {
		time = "for " + lasts.String()
	}
	return doneMsg{text: withReason(fmt.Sprintf("%s: %s %s", r.Verb, user, time), reason)}
}

// setModes sets the modes that an answer names. Without any, it shows those that are in force.
func (m *model) setModes(answer string) tea.Cmd {
	return func() tea.Msg {
		set, err := command.Pairs("mode", strings.Fields(answer))
		if err != nil {
			return doneMsg{problem: err.Error()}
		}
		ctx, cancel := context.WithTimeout(m.ctx, answerTime)
		defer cancel()
		inForce, err := m.o.Modes(ctx, set)
		if err != nil {
			return doneMsg{problem: err.Error()}
		}
		return doneMsg{text: "modes: " + inForce}
	}
}

// splitAnswer finds a time at the begin of an answer; the rest is the reason.
func splitAnswer(answer string) (lasts time.Duration, reason string) {
	first, rest, _ := strings.Cut(strings.TrimSpace(answer), " ")
	if d, err := time.ParseDuration(first); err == nil && d > 0 {
		return d, strings.TrimSpace(rest)
	}
	return 0, strings.TrimSpace(answer)
}

func (m *model) ask(prompt string, does func(string) tea.Cmd) {
	m.question = &question{prompt: prompt, input: newInput(), does: does}
}

// answer takes a key while a question is on the screen.
func (m *model) answer(key tea.KeyPressMsg) tea.Cmd {
	switch key.String() {
	case "esc":
		m.question = nil
		return nil
	case "enter":
		q := m.question
		m.question = nil
		m.choose(nil)
		return q.does(strings.TrimSpace(q.input.Value()))
	}
	return m.edit(key)
}
