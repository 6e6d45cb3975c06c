package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"
)

// csvFile writes RFC 4180 with a heading. Attributes are JSON.
type csvFile struct {
	*csv.Writer
	began bool
}

func newCSV(w io.Writer) *csvFile { return &csvFile{Writer: csv.NewWriter(w)} }

var csvHeading = []string{"sendTime", "id", "userId", "content", "attributes", "senderAttributes", "deletedTime", "deletedBy", "reason"}

func (c *csvFile) begin() error {
	if c.began {
		return nil
	}
	c.began = true
	return c.Writer.Write(csvHeading)
}

func (c *csvFile) Write(m *Message) error {
	if err := c.begin(); err != nil {
		return err
	}
	row := []string{
		m.SendTime.UTC().Format(time.RFC3339Nano), m.ID, m.UserID, m.Content,
		csvMap(m.Attributes), csvMap(m.SenderAttributes), m.DeletedTime, m.DeletedBy, m.Reason,
	}
	for i := range row {
		row[i] = csvCell(row[i])
	}
	if err := c.Writer.Write(row); err != nil {
		return err
	}
	c.Flush()
	return c.Error()
}

func (c *csvFile) Close() error {
	if err := c.begin(); err != nil {
		return err
	}
	c.Flush()
	return c.Error()
}

// csvCell puts a ' in front of what a spreadsheet would take for a formula.
func csvCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// csvMap returns attributes as JSON, "" if there are none.
func csvMap(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	b, _ := json.Marshal(m) // Strings cannot fail.
	return string(b)
}
