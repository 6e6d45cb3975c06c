package command

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

const (
	gap        = 2  // columns between two cells
	narrowest  = 8  // a cell is not cut to less
	readable   = 12 // a list has cells that are cut to less in another form
	ellipsis   = "…"
	blankSpace = " "
)

// table prints rows in columns. On a terminal, the widest columns are cut until a row fits.
func (p *Printer) table(rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	widths := widthsOf(rows)
	if p.width > 0 {
		fit(widths, p.width)
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			cell = ansi.Truncate(cell, widths[i], ellipsis)
			line.WriteString(cell)
			line.WriteString(strings.Repeat(blankSpace, widths[i]-ansi.StringWidth(cell)+gap))
		}
		b.WriteString(strings.TrimRight(line.String(), blankSpace))
		b.WriteByte('\n')
	}
	_, err := fmt.Fprint(p.out, b.String())
	return err
}

func widthsOf(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	return widths
}

// readableWidth is the least width of a table in which enough is left of each cell.
func readableWidth(rows [][]string) int {
	total := gap * (len(rows[0]) - 1)
	for _, width := range widthsOf(rows) {
		total += min(width, readable)
	}
	return total
}

// stacked prints the rows of a table for which the terminal is too narrow: each cell in a line,
// behind its heading, and a blank line between two rows.
func (p *Printer) stacked(rows [][]string) error {
	for n, row := range rows[1:] {
		if n > 0 {
			if _, err := fmt.Fprintln(p.out); err != nil {
				return err
			}
		}
		for i, cell := range row {
			if cell == "" {
				continue
			}
			if _, err := fmt.Fprintf(p.out, "%s: %s\n", rows[0][i], cell); err != nil {
				return err
			}
		}
	}
	return nil
}

// fit makes the widest columns narrower until all fit into width.
func fit(widths []int, width int) {
	for {
		total, widest := gap*(len(widths)-1), 0
		for i, w := range widths {
			total += w
			if w > widths[widest] {
				widest = i
			}
		}
		if total <= width || widths[widest] <= narrowest {
			return
		}
		widths[widest]--
	}
}

// Plain replaces the characters of a text that would change what a terminal shows around
// it: control characters, line breaks, and those that turn the direction of writing.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return unicode.ReplacementChar
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
}
