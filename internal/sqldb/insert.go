package sqldb

import (
	"strconv"
	"strings"
	"sync"
)

// Placeholder is the nth argument of a statement.
func Placeholder(n int) string { return "$" + strconv.Itoa(n) }

// rowGroups are the numbers of rows of one INSERT: few, so that the statements stay
// prepared, and each a multiple of the next. A statement costs as much as some rows, so no
// step is large. SQLite compares the name of a parameter with all before it, so neither is a group.
var rowGroups = [...]int{32, 8, 2, 1}

// values is "($1, $2), ($3, $4)" for two rows of two columns.
func values(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		if i > 0 && i%columns == 0 {
			b.WriteString("), (")
		} else if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Placeholder(i + 1))
	}
	return "(" + b.String() + ")"
}

// Inserts are one INSERT for each of rowGroups. They are made at their first use, because
// most commands of the program write nothing.
type Inserts func() []string

// NewInserts returns INSERTs with their values between before and after.
func NewInserts(before string, columns int, after string) Inserts {
	return sync.OnceValue(func() (in []string) {
		for _, rows := range rowGroups {
			in = append(in, before+values(rows, columns)+after)
		}
		return in
	})
}

// EachGroup cuts items into groups of those sizes, in order, and calls run with each
// group and its statement.
func EachGroup[T any](in Inserts, items []T, run func(query string, group []T) error) error {
	for i, rows := range rowGroups {
		for len(items) >= rows {
			if err := run(in()[i], items[:rows]); err != nil {
				return err
			}
			items = items[rows:]
		}
	}
	return nil
}
