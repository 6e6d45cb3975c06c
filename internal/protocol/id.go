package protocol

import (
	"crypto/rand"
	"strings"
)

// NewID returns the id of a node that starts now: its name, made fit for a
// subject, and something random, so that a restarted process is a new node.
func NewID(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return clean[:min(len(clean), 64)] + "_" + rand.Text()[:8]
}
