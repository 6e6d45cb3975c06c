package iam

import (
	"crypto/rand"
	"time"
)

// NewCredentials makes fresh credentials for a user. Those that expire have a session
// token. A key id is 20 characters and a secret 40, as AWS's are; prefixes of our own keep
// scanners that look for AWS's quiet.
func NewCredentials(name string, expires time.Time) *Credentials {
	const idLength, secretLength = 16, 40
	c := &Credentials{
		AccessKeyID:     "AKCF" + rand.Text()[:idLength],
		SecretAccessKey: (rand.Text() + rand.Text())[:secretLength],
		Principal:       &Principal{Name: name},
	}
	if !expires.IsZero() {
		c.AccessKeyID = "ASCF" + rand.Text()[:idLength]
		c.SessionToken = rand.Text() + rand.Text() + rand.Text()
		c.Expires = expires
	}
	return c
}
