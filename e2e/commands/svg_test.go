package commands

import (
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/charmbracelet/x/vt"
)

const (
	cellWidth, cellHeight = 8.4, 18.0
	frameSpace            = 12.0
	// Attributes of a cell, as the emulator numbers them.
	boldCell, reverseCell = 1, 1 << 5
)

// svgRows draws a screen: a line of text for each row, with the colours of its cells.
func svgRows(screen *vt.SafeEmulator) string {
	var b strings.Builder
	for y := range screen.Height() {
		for x := 0; x < screen.Width(); {
			style, from, text := "", x, ""
			for ; x < screen.Width(); x++ {
				cell := screen.CellAt(x, y)
				if cell == nil || cell.Width == 0 {
					continue
				}
				s := ""
				if cell.Style.Fg != nil {
					r, g, b, _ := cell.Style.Fg.RGBA()
					s += fmt.Sprintf(` fill="#%02x%02x%02x"`, r>>8, g>>8, b>>8)
				}
				if cell.Style.Attrs&boldCell != 0 {
					s += ` font-weight="bold"`
				}
				if cell.Style.Attrs&reverseCell != 0 {
					s += ` class="r"`
				}
				if text != "" && s != style {
					break
				}
				style, text = s, text+cell.Content
			}
			if strings.TrimSpace(text) == "" && !strings.Contains(style, "class") {
				continue
			}
			left, top := frameSpace+float64(from)*cellWidth, frameSpace+float64(y)*cellHeight
			if strings.Contains(style, "class") {
				fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.0f" fill="#d8dee9"/>`, left, top, float64(x-from)*cellWidth, cellHeight)
				style = ` fill="#1e222a"`
			}
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" textLength="%.1f"%s>%s</text>`, left, top+13.5,
				float64(x-from)*cellWidth-trailing(text)*cellWidth, style, html.EscapeString(strings.TrimRight(text, " ")))
		}
	}
	return b.String()
}

// trailing counts the blanks at the end of a text.
func trailing(text string) float64 { return float64(len(text) - len(strings.TrimRight(text, " "))) }

// svg makes a picture that plays the screens again and again. Where nothing moves, it shows the
// last one.
func svg(title string, screens []castScreen, length time.Duration) string {
	width, height := 2*frameSpace+castColumns*cellWidth, 2*frameSpace+castRows*cellHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img"><title>%s</title>`+"\n",
		width, height, width, height, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="#1e222a"/><g fill="#d8dee9" font-family="ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" xml:space="preserve">`+"\n")
	for i, s := range screens {
		visible := "hidden"
		end := length
		if i == len(screens)-1 {
			visible = "visible"
		} else {
			end = screens[i+1].at
		}
		from, to := s.at.Seconds()/length.Seconds(), end.Seconds()/length.Seconds()
		if i == 0 {
			from = 0
		}
		values, times := "hidden;visible;hidden", fmt.Sprintf("0;%.5f;%.5f", from, to)
		switch {
		case i == 0:
			values, times = "visible;hidden", fmt.Sprintf("0;%.5f", to)
		case i == len(screens)-1:
			values, times = "hidden;visible", fmt.Sprintf("0;%.5f", from)
		}
		fmt.Fprintf(&b, `<g visibility="%s"><animate attributeName="visibility" values="%s" keyTimes="%s" calcMode="discrete" dur="%.2fs" repeatCount="indefinite"/>%s</g>`+"\n",
			visible, values, times, length.Seconds(), s.text)
	}
	b.WriteString("</g></svg>\n")
	return b.String()
}
