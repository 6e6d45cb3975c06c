package front

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"confab/internal/restjson"
)

// bodyTimeout is how long the body of a request may take to arrive. requestTimeout is how
// long the whole request may take, from the end of its head to the end of the answer.
const (
	bodyTimeout    = 10 * time.Second
	requestTimeout = 30 * time.Second
)

// maxUnread is how much of an unwanted body is read.
const maxUnread = 256 << 10

// LimitTime sets the deadlines of r. The answer gets more time than the body, so that a
// client whose body is late still gets an answer.
func LimitTime(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	read := now.Add(requestTimeout)
	if r.ContentLength != 0 {
		read = now.Add(bodyTimeout)
	}
	c := http.NewResponseController(w)
	c.SetReadDeadline(read)                     //nolint:errcheck // Every connection of ours has deadlines.
	c.SetWriteDeadline(now.Add(requestTimeout)) //nolint:errcheck // As above.
}

// DiscardBody reads the body of a request for a handler that does not use it, because
// net/http would wait for it before it writes the answer. It returns false if it has
// answered the request itself because the body was late or too large.
func DiscardBody(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	LimitTime(w, r)
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxUnread+1))
	status := 0
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		status = http.StatusRequestTimeout
	case err != nil:
		status = http.StatusBadRequest
	case n > maxUnread:
		status = http.StatusRequestEntityTooLarge
	default:
		c := http.NewResponseController(w)
		c.SetReadDeadline(time.Now().Add(requestTimeout)) //nolint:errcheck // As in LimitTime.
		return true
	}
	w.Header().Set("Connection", "close")
	http.Error(w, http.StatusText(status), status)
	if status == http.StatusRequestEntityTooLarge {
		restjson.DiscardRest(w, r)
	}
	return false
}

// WithoutBody serves requests whose bodies the handler does not use.
func WithoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if DiscardBody(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}
