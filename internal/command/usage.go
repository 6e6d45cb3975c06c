package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// UsageError is a command line that cannot be run as it is.
type UsageError struct{ problem string }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

func (e *UsageError) Error() string { return e.problem }

// values says what the value of a flag must be, by the type of the flag.
var values = map[string]string{
	"duration": "a duration such as 30s, 10m or 24h",
	"int":      "a whole number", "int32": "a whole number",
	"float64": "a number",
	"bool":    "true or false",
}

// FlagError puts an error of the parser of flags into words.
func FlagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if must := values[e.GetFlag().Value.Type()]; must != "" {
			text = fmt.Sprintf("--%s %q: must be %s", e.GetFlag().Name, e.GetValue(), must)
		}
	} else if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		text = fmt.Sprintf("--%s needs a value", e.GetFlag().Name)
	} else if e, ok := errors.AsType[*pflag.NotExistError](err); ok && e.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		text = "unknown flag --" + e.GetSpecifiedName() + didYouMean("--", near(e.GetSpecifiedName(), names))
	}
	return Usagef("%s; see %s --help", text, cmd.CommandPath())
}

// CheckLine refuses what no command understands: flags that exclude each other, and text that is
// not UTF-8, which would be sent with other characters in it. Names of files may have any bytes.
func CheckLine(cmd *cobra.Command, args []string) (err error) {
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return notText(cmd, arg)
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		name, _ := pflag.UnquoteUsage(f)
		if value := f.Value.String(); !utf8.ValidString(value) && name != "FILE" && name != "DIR" {
			err = notText(cmd, value)
		}
	})
	if err != nil {
		return err
	}
	return flagGroups(cmd)
}

func notText(cmd *cobra.Command, text string) error {
	return Usagef("%q is not UTF-8; type it in a terminal whose character encoding is UTF-8; see %s --help", text, cmd.CommandPath())
}

// flagGroups refuses flags that exclude each other.
func flagGroups(cmd *cobra.Command) error {
	err := cmd.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	_, set, ok := strings.Cut(err.Error(), "none of the others can be; [")
	if !ok {
		return Usagef("%v; see %s --help", err, cmd.CommandPath())
	}
	names := strings.Fields(strings.TrimSuffix(set, "] were all set"))
	return Usagef("--%s exclude each other; use one of them", strings.Join(names, " and --"))
}

// unknown refuses a command that does not exist, with those that may be meant.
func unknown(cmd *cobra.Command, typed string) error {
	var names, meant []string
	for _, child := range cmd.Commands() {
		if child.Hidden {
			continue
		}
		names = append(names, child.Name())
		if slices.Contains(child.SuggestFor, typed) {
			meant = append(meant, child.Name())
		}
	}
	if meant == nil {
		meant = near(typed, names)
	}
	return Usagef("unknown command %q%s; see %s --help", typed, didYouMean("", meant), cmd.CommandPath())
}

func didYouMean(sign string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + sign + strings.Join(names, " or "+sign) + "?"
}

// near returns the names that begin with what was typed, or else those that a typing error or
// two make of it.
func near(typed string, names []string) []string {
	begin := func(name string) bool { return !strings.HasPrefix(name, typed) }
	if found := slices.DeleteFunc(slices.Clone(names), begin); len(found) > 0 && len(typed) > 1 {
		return found
	}
	most := min(2, len(typed)/3)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return distance(typed, name) > most })
}

// distance is how many characters have to be inserted, deleted, replaced or swapped with the
// next one to make one word of another.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
