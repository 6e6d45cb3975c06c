package chatscreen

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"confab/internal/command"
)

// around reports which rows are around the messages beside the line to write in: the bar above
// and the hint below. A terminal of few rows has room for them and for one message at least, or
// they give way to it. A hint that says what happened is shown before the bar.
func (m *model) around() (bar, hint bool) {
	matters := m.notice != "" || m.question != nil || m.selected != nil || m.reading
	hint = m.height >= 4 || m.height >= 2 && matters
	return m.height >= 4 || m.height == 3 && !hint, hint
}

// fit gives the messages the rows that are left.
func (m *model) fit() {
	height := m.height - 1
	bar, hint := m.around()
	for _, there := range []bool{bar, hint} {
		if there {
			height--
		}
	}
	if height = max(height, 0); height != m.log.height || m.width != m.log.width {
		m.log.resize(m.width, height)
		m.log.reveal(m.selected)
	}
}

var bar = ansi.NewStyle(ansi.AttrReverse)

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.View{AltScreen: true}
	if m.width == 0 || m.height == 0 {
		return v
	}
	barThere, hintThere := m.around()
	var rows []string
	if barThere {
		rows = append(rows, bar.Styled(m.status()))
	}
	lines, of := m.log.visible()
	for range m.log.height - len(lines) {
		rows = append(rows, "")
	}
	for n, line := range lines {
		mark := " "
		if of[n] == m.selected && m.selected != nil {
			mark = bold.Styled(">")
		}
		rows = append(rows, ansi.Truncate(mark+line, m.width, ""))
	}
	line, x := m.line()
	if hintThere {
		rows = append(rows, m.hint())
	}
	rows = append(rows, line)
	v.Content = strings.Join(rows, "\n")
	v.Cursor = tea.NewCursor(x, len(rows)-1)
	return v
}

// status is the bar above: where one is, and whether it is connected.
func (m *model) status() string {
	left := fmt.Sprintf(" %s · %s", command.Plain(m.o.Title), command.Plain(m.o.UserID))
	if m.viewers >= 0 {
		left += fmt.Sprintf(" · %d here", m.viewers)
	}
	right := "connected "
	switch {
	case !m.connected && m.lost != "":
		right = "connecting again: " + command.Plain(m.lost) + " "
	case !m.connected:
		right = "connecting "
	case m.log.unread > 0:
		right = fmt.Sprintf("%d new below ", m.log.unread)
	}
	// A narrow terminal shows the connection rather than the names, and a long reason in part.
	right = ansi.Truncate(right, max(m.width-ansi.StringWidth(left)-1, m.width*2/3), "…")
	left = ansi.Truncate(left, max(m.width-ansi.StringWidth(right)-1, 0), "…")
	return left + strings.Repeat(" ", max(m.width-ansi.StringWidth(left)-ansi.StringWidth(right), 0)) + right
}

// hint is the row above the line: what went wrong, or what keys do.
func (m *model) hint() string {
	text := m.o.usual()
	switch {
	case m.notice != "":
		return bold.Styled(ansi.Truncate(command.Plain(m.notice), m.width, "…"))
	case m.question != nil:
		text = "Enter does it · Esc goes back"
	case m.reading:
		text = "Reading earlier messages"
	case m.selected != nil:
		text = m.o.offers()
	}
	return faint.Styled(ansi.Truncate(text, m.width, "…"))
}

// line is the row to write in, and the column of the cursor.
func (m *model) line() (string, int) {
	prompt, input := "> ", &m.input
	if m.question != nil {
		prompt, input = command.Plain(m.question.prompt)+": ", &m.question.input
	}
	prompt = ansi.Truncate(prompt, max(m.width-narrowest, 0), "… ")
	at := ansi.StringWidth(prompt)
	text, x := window(input, m.width-at)
	return prompt + text, at + x
}

// window returns the part of a line that fits, with the cursor in it, and the cursor's
// column. One column is left for the cursor behind the last character.
func window(input *textinput.Model, width int) (text string, x int) {
	value := []rune(input.Value())
	pos := min(input.Position(), len(value))
	before := value[:pos]
	for len(before) > 0 {
		excess := ansi.StringWidth(string(before)) - (width - 1)
		if excess <= 0 {
			break
		}
		// A character has at most two columns.
		before = before[min(max(excess/2, 1), len(before)):]
	}
	return ansi.Truncate(string(before)+string(value[pos:]), max(width, 0), ""), ansi.StringWidth(string(before))
}
