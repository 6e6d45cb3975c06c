package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

// TestPrinter_list is a list at several widths of the terminal.
func TestPrinter_list(t *testing.T) {
	items := []Object{
		{"id": "AbCdEf123456", "updateTime": "2026-01-31T12:00:00.123456789Z", "content": "漢字かな漢字かな漢字かな", "note": "2026-01-31T12:00:00.5Z"},
		{"id": "000000000002", "updateTime": "2026-01-31T12:00:00Z", "content": "שלום \x1b[31mred\nline"},
	}
	columns := []Column{{Heading: "ID", Member: "id"}, {Heading: "UPDATED", Member: "updateTime"}, {Heading: "MESSAGE", Member: "content"}, {Heading: "NOTE", Member: "note"}}
	for _, test := range []struct {
		name  string
		width int
		want  string
	}{
		{"no terminal", 0, `ID            UPDATED               MESSAGE                   NOTE
AbCdEf123456  2026-01-31T12:00:00Z  漢字かな漢字かな漢字かな  2026-01-31T12:00:00.5Z
000000000002  2026-01-31T12:00:00Z  שלום �[31mred line
`},
		{"the widest columns are cut", 70, `ID            UPDATED            MESSAGE            NOTE
AbCdEf123456  2026-01-31T12:00…  漢字かな漢字かな…  2026-01-31T12:00:…
000000000002  2026-01-31T12:00…  שלום �[31mred li…
`},
		{"too narrow for columns", 20, `ID: AbCdEf123456
UPDATED: 2026-01-31T12:00:00Z
MESSAGE: 漢字かな漢字かな漢字かな
NOTE: 2026-01-31T12:00:00.5Z

ID: 000000000002
UPDATED: 2026-01-31T12:00:00Z
MESSAGE: שלום �[31mred line
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			p := &Printer{Form: Table, out: &out, width: test.width}
			if err := p.List("items", items, columns...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Error(diff)
			}
			for line := range strings.Lines(out.String()) {
				if width := ansi.StringWidth(strings.TrimSpace(line)); test.width >= 70 && width > test.width {
					t.Errorf("a line has %d columns: %q", width, line)
				}
			}
		})
	}
	t.Run("JSON is whole", func(t *testing.T) {
		var out strings.Builder
		p := &Printer{Form: JSON, out: &out, width: 20}
		if err := p.List("items", items, columns...); err != nil {
			t.Fatal(err)
		}
		var got struct{ Items []Object }
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(items, got.Items); diff != "" {
			t.Error(diff)
		}
	})
}
