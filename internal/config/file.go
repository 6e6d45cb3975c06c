package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFile reads the YAML file that g names. It knows only the names of
// settings, each at most once; lists may be written as YAML lists. A key
// without a value counts as not set.
func readFile(g given) (map[string]given, error) {
	name := g.text
	text, err := readFileText(name)
	if err != nil {
		return nil, &Error{Place: g.place, Value: name, Problem: "cannot be read: " + reason(err)}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, &Error{Place: g.place, Value: name, Problem: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if doc.Kind == 0 {
		return nil, nil // Nothing but comments.
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, &Error{Place: g.place, Value: name, Problem: "must hold settings, one \"name: value\" a line"}
	}
	values := map[string]given{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		at := fmt.Sprintf("%s:%d", name, key.Line)
		s := lookup(key.Value)
		switch {
		case s == nil:
			return nil, &Error{Place: at, Value: key.Value, Problem: "is not a setting" + didYouMean(key.Value)}
		case s.EnvironmentOnly:
			return nil, &Error{Place: at, Value: key.Value, Problem: "is a secret; set it in the environment as " + s.Environment()}
		case s.Name == "config":
			return nil, &Error{Place: at, Value: key.Value, Problem: "cannot be set in the file that it names"}
		}
		if _, ok := values[s.Name]; ok {
			return nil, &Error{Place: at, Value: key.Value, Problem: "is set twice; keep one of the two lines"}
		}
		text, set, ok := scalar(value, s.list)
		if s.FileOnly {
			text, set, ok = mapping(value)
		}
		if !ok {
			return nil, &Error{Place: at, Value: key.Value, Problem: "must be " + form(s)}
		}
		if set {
			values[s.Name] = given{text, at + ": " + s.Name, "file " + at}
		}
	}
	return values, nil
}

// scalar returns the text of a value, and whether it sets anything. A list may
// be a sequence of scalars.
func scalar(n *yaml.Node, list bool) (text string, set, ok bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == yaml.ScalarNode:
		return n.Value, n.Tag != "!!null", true
	case n.Kind == yaml.SequenceNode && list:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", false, false
			}
			parts[i] = item.Value
		}
		return strings.Join(parts, ","), true, true
	}
	return "", false, false
}

// mapping returns a mapping of scalars as lines of NAME=VALUE, in its order.
func mapping(n *yaml.Node) (text string, set, ok bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return "", false, true
	}
	if n.Kind != yaml.MappingNode {
		return "", false, false
	}
	var b strings.Builder
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || strings.ContainsAny(item.Value, "\r\n") {
			return "", false, false
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		b.WriteString(n.Content[i].Value + "=" + n.Content[i+1].Value + "\n")
	}
	return b.String(), true, true
}

func form(s *Setting) string {
	if s.FileOnly {
		return "a mapping, one \"name: value\" a line"
	}
	if s.list {
		return "one value or a list of values"
	}
	return "one value"
}

// didYouMean proposes the setting whose name is nearest, if one is near.
func didYouMean(name string) string {
	plain := strings.NewReplacer("-", "", "_", "").Replace
	best, nearest := "", 3
	for _, s := range Settings() {
		if d := distance(strings.ToLower(plain(name)), plain(s.Name)); d < nearest && !s.EnvironmentOnly {
			best, nearest = s.Name, d
		}
	}
	if best == "" {
		return "; the names are those of the flags, see confab serve --help"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the number of letters to insert, delete or replace that makes b
// of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// reason is why a file operation failed, without the name that the line holds already.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}
