package chatscreen

import (
	"hash/fnv"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"confab/internal/chatroom"
	"confab/internal/command"
)

// item is something in the scrollback: a message, an event, or a note of this program.
type item struct {
	frame   *chatroom.Frame // nil of a note
	text    string          // of an event or a note
	time    time.Time
	deleted bool
	reason  string // of the deletion

	width int
	lines []string // at that width
}

func messageItem(f *chatroom.Frame) *item         { return &item{frame: f, time: f.SendTime} }
func eventItem(f *chatroom.Frame, t string) *item { return &item{frame: f, text: t, time: f.SendTime} }
func note(text string) *item                      { return &item{text: text, time: time.Now()} }

const (
	// gutter is the column of the mark at a selected message.
	gutter = 1
	// indent is the width of the time and what is before it.
	indent = gutter + len("15:04 ")
	// longestName is how much of a name is shown.
	longestName = 24
	// narrowest is the least width of the text.
	narrowest = 10
)

var (
	faint = ansi.NewStyle(ansi.AttrFaint)
	bold  = ansi.NewStyle(ansi.AttrBold)
)

// render returns the lines of an item.
func (i *item) render(width int, own string) []string {
	room := max(width-indent, narrowest)
	name, style, text := "", faint, "* "+i.text
	if i.frame != nil && i.frame.Type == "MESSAGE" {
		name = ansi.Truncate(command.Plain(nameOf(i.frame)), longestName, "…")
		style = ansi.NewStyle().ForegroundColor(colourOf(i.frame))
		if i.frame.Sender.UserID == own {
			style = style.Bold()
		}
		text = i.frame.Content
		if i.deleted {
			text = withReason("(deleted)", i.reason)
		}
		text = name + ": " + command.Plain(text)
	} else {
		text = command.Plain(text)
	}
	lines := strings.Split(ansi.Wrap(text, room, ""), "\n")
	for n, line := range lines {
		line = ansi.Truncate(line, room, "")
		switch {
		case name == "" || i.deleted:
			line = faint.Styled(line)
		case n == 0 && strings.HasPrefix(line, name):
			line = style.Styled(name) + line[len(name):]
		}
		if n == 0 {
			lines[n] = faint.Styled(i.time.Local().Format("15:04")) + " " + line
		} else {
			lines[n] = strings.Repeat(" ", indent-gutter) + line
		}
	}
	return lines
}

// nameOf is the name that a person goes by: what applications call it in the attributes, or
// the user id.
func nameOf(f *chatroom.Frame) string {
	for _, key := range []string{"displayName", "displayname", "name", "username"} {
		if name := strings.TrimSpace(f.Sender.Attributes[key]); name != "" {
			return name
		}
	}
	return f.Sender.UserID
}

var hexColour = regexp.MustCompile(`^#?([0-9a-fA-F]{6})$`)

// colourOf is the colour that a person has: that of the attributes, or one of the 12 that
// terminals draw well, by the user id.
func colourOf(f *chatroom.Frame) color.Color {
	for _, key := range []string{"color", "colour"} {
		if hex := hexColour.FindStringSubmatch(f.Sender.Attributes[key]); hex != nil {
			n, _ := strconv.ParseUint(hex[1], 16, 32)
			return color.RGBA{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), A: 0xff}
		}
	}
	h := fnv.New32a()
	h.Write([]byte(f.Sender.UserID))
	usual := []ansi.BasicColor{
		ansi.Red, ansi.Green, ansi.Yellow, ansi.Blue, ansi.Magenta, ansi.Cyan,
		ansi.BrightRed, ansi.BrightGreen, ansi.BrightYellow, ansi.BrightBlue, ansi.BrightMagenta, ansi.BrightCyan,
	}
	return usual[h.Sum32()%uint32(len(usual))]
}
