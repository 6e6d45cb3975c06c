package chatscreen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"confab/internal/chatroom"
	"confab/internal/command"
)

const (
	// answerTime is how long a request waits for its answer.
	answerTime = 30 * time.Second
	// viewersEvery is the pause between two questions how many users are connected.
	viewersEvery = 10 * time.Second
	// longestInput bounds the text that can be typed. The service allows 500 characters.
	longestInput = 4096
)

type model struct {
	o    Options
	ctx  context.Context //nolint:containedctx // Of the program, which has no other way to hand it over.
	room *chatroom.Room

	width, height int
	log           scrollback
	selected      *item // nil is none
	input         textinput.Model
	question      *question // nil is none
	notice        string    // of what went wrong, until the next key

	connected bool
	lost      string // why it is not connected
	viewers   int    // -1 is not known
	asking    bool   // it asks every while how many they are
	pushed    bool   // the room tells it by itself

	reading bool // earlier messages are being read
	begin   bool // there are none before those that are here

	err error // why the screen ended
}

// What happens beside keys and frames.
type (
	stateMsg   struct{ lost error }
	endMsg     struct{ err error }
	sentMsg    struct{ text, problem string }
	doneMsg    struct{ text, problem string }
	viewersMsg struct{ users int }
	tickMsg    struct{}
	earlierMsg struct {
		frames []*chatroom.Frame
		err    error
	}
)

func newModel(ctx context.Context, o Options) *model {
	m := &model{o: o, ctx: ctx, viewers: -1, input: newInput()}
	m.log.own = o.UserID
	return m
}

func newInput() textinput.Model {
	input := textinput.New()
	input.CharLimit = longestInput
	input.Focus()
	return input
}

// Init connects.
func (m *model) Init() tea.Cmd {
	return func() tea.Msg { return endMsg{m.room.Run(m.ctx)} }
}

// Update takes what happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	m.fit()
	return m, cmd
}

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		m.notice = ""
		return m.press(msg)
	case tea.PasteMsg:
		return m.edit(msg)
	case *chatroom.Frame:
		m.take(msg)
	case stateMsg:
		m.connected, m.lost = msg.lost == nil, ""
		if msg.lost != nil {
			m.lost = msg.lost.Error()
		} else if m.o.Viewers != nil && !m.asking {
			m.asking = true
			return m.askViewers
		}
	case endMsg:
		m.err = msg.err
		return tea.Quit
	case sentMsg:
		m.sent(msg)
	case doneMsg:
		m.notice = msg.problem
		if msg.problem == "" && msg.text != "" {
			m.log.add(note(msg.text))
		}
	case viewersMsg:
		if !m.pushed {
			m.viewers = msg.users
		}
		return tea.Tick(viewersEvery, func(time.Time) tea.Msg { return tickMsg{} })
	case tickMsg:
		if !m.pushed {
			return m.askViewers
		}
	case earlierMsg:
		m.reading = false
		if msg.err != nil {
			m.notice = msg.err.Error()
		} else if m.log.prepend(msg.frames) == 0 {
			m.begin = true
		}
	}
	return nil
}

// take shows a frame.
func (m *model) take(f *chatroom.Frame) {
	switch {
	case f.Type == "MESSAGE":
		m.log.add(messageItem(f))
	case f.Type == "ERROR":
		// One that answers a request is shown by what asked. A session that is over is
		// renewed.
		if f.RequestID == "" && f.ErrorCode != 401 {
			m.notice = fmt.Sprintf("%d %s", f.ErrorCode, f.ErrorMessage)
		}
	case f.EventName == "aws:DELETE_MESSAGE":
		m.log.remove(f.Attributes["MessageID"], f.Attributes["Reason"])
	case f.EventName == "confab:VIEWERS":
		if users, err := strconv.Atoi(f.Attributes["Users"]); err == nil {
			m.viewers, m.pushed = users, true
		}
	case f.EventName == "confab:JOINED":
		m.log.add(eventItem(f, "joined: "+userList(f.Attributes)))
	case f.EventName == "confab:LEFT":
		m.log.add(eventItem(f, "left: "+userList(f.Attributes)))
	case f.EventName == "aws:DISCONNECT_USER":
		m.log.add(eventItem(f, withReason(f.Attributes["UserId"]+" was disconnected", f.Attributes["Reason"])))
	case f.Type == "EVENT":
		m.log.add(eventItem(f, strings.TrimSpace(f.EventName+" "+command.PairText(f.Attributes))))
	}
}

// userList is what a push of presence says: some ids, and how many there are.
func userList(attributes map[string]string) string {
	var ids []string
	if err := json.Unmarshal([]byte(attributes["UserIds"]), &ids); err != nil {
		return attributes["Count"]
	}
	list := strings.Join(ids, ", ")
	if all, err := strconv.Atoi(attributes["Count"]); err == nil && all > len(ids) {
		list += fmt.Sprintf(" and %d others", all-len(ids))
	}
	return list
}

func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

func (m *model) askViewers() tea.Msg {
	ctx, cancel := context.WithTimeout(m.ctx, answerTime)
	defer cancel()
	users, err := m.o.Viewers(ctx)
	if err != nil {
		users = -1
	}
	return viewersMsg{users}
}

// request sends a request of the Messaging API, and returns what is wrong with it.
func (m *model) request(action string, members map[string]any) string {
	ctx, cancel := context.WithTimeout(m.ctx, answerTime)
	defer cancel()
	_, err := m.room.Request(ctx, action, members)
	if refusal, ok := errors.AsType[*chatroom.Refusal](err); ok {
		return "Refused: " + refusal.Error()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// send sends what was typed. Without a connection it stays where it is.
func (m *model) send() tea.Cmd {
	text := m.input.Value()
	switch {
	case strings.TrimSpace(text) == "":
		return nil
	case !m.o.Send:
		m.notice = "This chat token may not send; --can send allows it"
		return nil
	case !m.connected:
		m.notice = "Not connected: the text stays here until it can be sent"
		return nil
	}
	m.input.Reset()
	m.log.bottom()
	return func() tea.Msg {
		return sentMsg{text, m.request("SEND_MESSAGE", map[string]any{"Content": text})}
	}
}

// sent gives a text back that was not sent, unless another one was begun.
func (m *model) sent(msg sentMsg) {
	if msg.problem == "" {
		return
	}
	m.notice = msg.problem
	if m.input.Value() == "" {
		m.input.SetValue(msg.text)
		m.input.CursorEnd()
	}
}

// earlier reads the messages before those that are here.
func (m *model) earlier() tea.Cmd {
	if m.o.Earlier == nil || m.reading || m.begin {
		return nil
	}
	m.reading = true
	until := m.log.first()
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, answerTime)
		defer cancel()
		frames, err := m.o.Earlier(ctx, until)
		return earlierMsg{frames, err}
	}
}
