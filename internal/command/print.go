package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Form is a form of output.
type Form string

// The forms of output.
const (
	Table Form = "table" // with a heading, fitted to the terminal
	JSON  Form = "json"  // the API's members, all pages in one
	JSONL Form = "jsonl" // one item a line
	Text  Form = "text"  // one item a line, tabs between the values, no heading
)

// Printer prints results.
type Printer struct {
	Form  Form
	out   io.Writer
	width int // of the terminal; 0 is none
}

// Column is one column of a table, and of a line of text.
type Column struct {
	Heading string
	Member  string              // the member that it shows
	Show    func(Object) string // instead of Member
}

// ListAs is List for a list whose JSON is another value, such as an object with a member for each
// item.
func (p *Printer) ListAs(whole any, items []Object, columns ...Column) error {
	if p.Form == JSON {
		return p.json(whole, "  ")
	}
	return p.List("", items, columns...)
}

// List prints a list. member is its name in the API's answer.
func (p *Printer) List(member string, items []Object, columns ...Column) error {
	switch p.Form {
	case JSON:
		if items == nil {
			items = []Object{}
		}
		return p.json(Object{member: items}, "  ")
	case JSONL:
		for _, item := range items {
			if err := p.json(item, ""); err != nil {
				return err
			}
		}
		return nil
	case Text:
		for _, item := range items {
			if err := p.text(item, columns); err != nil {
				return err
			}
		}
		return nil
	}
	rows := [][]string{make([]string, len(columns))}
	for i, c := range columns {
		rows[0][i] = c.Heading
	}
	for _, item := range items {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.of(item)
			if isTime(c.Member) {
				row[i] = seconds(row[i])
			}
		}
		rows = append(rows, row)
	}
	if p.width > 0 && p.width < readableWidth(rows) {
		return p.stacked(rows)
	}
	return p.table(rows)
}

// isTime reports whether a member of the API is a time.
func isTime(member string) bool {
	return member == "time" || strings.HasSuffix(member, "Time") || strings.HasSuffix(member, "Since")
}

// seconds cuts a time to seconds, which is what people read.
func seconds(t string) string {
	whole, rest, ok := strings.Cut(t, ".")
	if !ok || !strings.HasSuffix(rest, "Z") {
		return t
	}
	return whole + "Z"
}

// One prints one resource. The columns are those of its line of text; a table has all
// members, one a line.
func (p *Printer) One(item Object, columns ...Column) error {
	switch p.Form {
	case JSON:
		return p.json(item, "  ")
	case JSONL:
		return p.json(item, "")
	case Text:
		return p.text(item, columns)
	}
	rows := [][]string{}
	for _, name := range slices.Sorted(maps.Keys(item)) {
		rows = append(rows, []string{name, show(item[name])})
	}
	return p.table(rows)
}

// Done prints the success of an operation that has no output: a sentence in a table, the
// subject in text, an empty object in JSON.
func (p *Printer) Done(subject, format string, args ...any) error {
	switch p.Form {
	case JSON, JSONL:
		return p.json(Object{}, "")
	case Text:
		return p.text(Object{"subject": subject}, []Column{{Member: "subject"}})
	}
	_, err := fmt.Fprintln(p.out, Plain(fmt.Sprintf(format, args...)))
	return err
}

func (p *Printer) text(item Object, columns []Column) error {
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = c.of(item)
	}
	_, err := fmt.Fprintln(p.out, strings.Join(values, "\t"))
	return err
}

func (p *Printer) json(v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := p.out.Write(SafeJSON(b.Bytes()))
	return err
}

// SafeJSON escapes the control characters that encoding/json leaves as they are.
// Some terminals obey them.
func SafeJSON(b []byte) []byte {
	if !bytes.ContainsFunc(b, unescaped) {
		return b
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		if unescaped(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}

func unescaped(r rune) bool { return r >= 0x7f && r <= 0x9f }

func (c Column) of(item Object) string {
	if c.Show != nil {
		return Plain(c.Show(item))
	}
	return show(item[c.Member])
}

// show is a value in one cell.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return Plain(v)
	case []any:
		all := make([]string, len(v))
		for i, e := range v {
			all[i] = show(e)
		}
		return strings.Join(all, ", ")
	case Object:
		all := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, Plain(k)+"="+show(v[k]))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(v)
}
