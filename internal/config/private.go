package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// othersMayRead and othersMayWrite are the permission bits of users who are neither the
// owner of a file nor in its group.
const (
	othersMayRead  = 0o004
	othersMayWrite = 0o002
)

// ReadableByOthers reports whether every user of the machine can read a file. It is false
// for anything but a regular file, such as the pipe that a shell makes of <(…).
func ReadableByOthers(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&othersMayRead != 0
}

// WritableByOthers reports whether every user of the machine can change what is
// in a directory.
func WritableByOthers(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&othersMayWrite != 0
}

// openToOthers returns the problem of a file with a secret that others can read.
func openToOthers(name string) string {
	return fmt.Sprintf("can be read by every user of this machine; run chmod 600 %q, or 640 for a group", name)
}

// largestFile bounds a file that a person wrote.
const largestFile = 4 << 20

// readFileText reads a file that a person wrote.
func readFileText(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err == nil && len(text) > largestFile {
		err = fmt.Errorf("it is larger than %d MiB", largestFile>>20)
	}
	return text, err
}

// readSecretFile reads a file that contains a secret and nothing else. It returns the text
// without white space around it, or the problem.
func readSecretFile(name string) (text, problem string) {
	b, err := readFileText(name)
	if err != nil {
		return "", "cannot be read: " + reason(err)
	}
	if ReadableByOthers(name) {
		return "", openToOthers(name)
	}
	return strings.TrimSpace(string(PlainText(b))), ""
}

// PlainText returns the text of a file that a person wrote, without the byte order
// mark that some editors begin it with.
func PlainText(b []byte) []byte {
	return bytes.TrimPrefix(b, utf8.AppendRune(nil, '\ufeff'))
}

// quoted reports whether a value is in quotes. A shell removes them; docker's --env-file
// keeps them.
func quoted(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0]
}

// withoutQuotes is the problem of a value in quotes.
const withoutQuotes = "must not be in quotes. Remove them: in a file of docker --env-file, and here, they are part of the value"
