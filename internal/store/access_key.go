package store

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
)

// NewAccessKey returns a new access key id and its secret, of the form that AWS
// gives them: AKIA (ASIA for temporary ones, which come with a session token) and
// 16 letters and digits of base32; 40 characters of base64, 240 bits of chance.
func NewAccessKey(temporary bool) (accessKeyID, secretAccessKey string) {
	var id [10]byte
	var secret [30]byte
	rand.Read(id[:])
	rand.Read(secret[:])
	prefix := "AKIA"
	if temporary {
		prefix = "ASIA"
	}
	return prefix + base32.StdEncoding.EncodeToString(id[:]), base64.StdEncoding.EncodeToString(secret[:])
}
