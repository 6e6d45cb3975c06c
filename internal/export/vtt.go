package export

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// vtt writes WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format"): a cue for each
// message, at the time since the start of the recording.
type vtt struct {
	w     io.Writer
	start time.Time
	began bool
}

func newVTT(w io.Writer, start time.Time) *vtt { return &vtt{w: w, start: start} }

// shown is how long a message is shown.
const shown = 5 * time.Second

func (v *vtt) begin() error {
	if v.began {
		return nil
	}
	v.began = true
	_, err := io.WriteString(v.w, "WEBVTT\n")
	return err
}

// Write leaves out what was sent before the recording began.
func (v *vtt) Write(m *Message) error {
	if err := v.begin(); err != nil {
		return err
	}
	at := m.SendTime.Sub(v.start)
	if at < 0 {
		return nil
	}
	_, err := fmt.Fprintf(v.w, "\n%s\n%s --> %s\n<v %s>%s\n", vttName(m.ID), vttTime(at), vttTime(at+shown), vttVoice(m.UserID), vttText(m.Content))
	return err
}

func (v *vtt) Close() error { return v.begin() }

// vttVoice returns the name in a voice tag. The > behind it must not make an arrow of its
// dashes; players remove the space.
func vttVoice(name string) string {
	name = vttName(name)
	if strings.HasSuffix(name, "--") {
		name += " "
	}
	return name
}

// vttTime returns hours, minutes, seconds and milliseconds.
func vttTime(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

// vttEscape escapes what has a meaning in a cue. With > escaped, there is no --> either.
var vttEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\x00", "\uFFFD")

// vttText returns the text of a cue. An empty line would end the cue, so there is none.
func vttText(s string) string {
	var lines []string
	for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, vttEscape.Replace(line))
		}
	}
	return strings.Join(lines, "\n")
}

// vttName returns a name on one line.
func vttName(s string) string {
	return vttEscape.Replace(strings.Join(strings.Fields(s), " "))
}
