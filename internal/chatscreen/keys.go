package chatscreen

import (
	tea "charm.land/bubbletea/v2"
)

const (
	leaveKey      = "ctrl+c"
	disconnectKey = "ctrl+k"
	modesKey      = "ctrl+o"
)

// press does what a key means. Keys that mean nothing else edit the line.
func (m *model) press(key tea.KeyPressMsg) tea.Cmd {
	switch key.String() {
	case leaveKey:
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "pgup":
		if !m.log.scroll(m.log.height - 1) {
			return m.earlier()
		}
		return nil
	case "pgdown":
		m.log.scroll(1 - m.log.height)
		return nil
	}
	if m.question != nil {
		return m.answer(key)
	}
	switch key.String() {
	case modesKey:
		if m.o.Modes != nil {
			m.ask("Modes, such as slow-mode=5s send=staff for=10m", m.setModes)
		}
		return nil
	case "enter":
		m.selected = nil
		return m.send()
	case "up":
		before := m.log.neighbour(m.selected, -1)
		if before == nil {
			m.log.scroll(m.log.height - 1)
			return m.earlier()
		}
		m.choose(before)
		return nil
	case "down":
		if m.selected == nil {
			m.log.bottom()
			return nil
		}
		m.choose(m.log.neighbour(m.selected, 1))
		return nil
	case "esc":
		m.choose(nil)
		return nil
	}
	if m.selected != nil {
		if cmd, done := m.act(key.String()); done {
			return cmd
		}
		// A text is meant for the line.
		if key.Text != "" {
			m.choose(nil)
		}
	}
	return m.edit(key)
}

// choose selects a message, and shows it; nil selects none, and goes to the latest.
func (m *model) choose(i *item) {
	m.selected = i
	if i == nil {
		m.log.bottom()
		return
	}
	m.log.reveal(i)
}

// edit has the line, or the answer to a question, take a key or what was pasted.
func (m *model) edit(msg tea.Msg) (cmd tea.Cmd) {
	if m.question != nil {
		m.question.input, cmd = m.question.input.Update(msg)
		return cmd
	}
	m.input, cmd = m.input.Update(msg)
	return cmd
}
