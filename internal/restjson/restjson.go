// Package restjson is the server side of AWS restJson1, the protocol of the control
// plane: it reads request bodies, writes results, and converts a chat.Error into the
// exception that an SDK expects.
//
// The rules are those of the Smithy specification "AWS restJson1 protocol" and of its
// tests for malformed requests. Names and statuses of exceptions are the API model's.
// Where Smithy leaves a choice, this package is lenient if that costs nothing: a
// request may lack Content-Type, and parameters of a media type (charset) are
// ignored.
package restjson

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"confab/internal/chat"
)

// MaxBody is the limit of most request bodies, in bytes: twice the size of 50 tags with
// the longest keys and values when every character is escaped.
const MaxBody = 256 << 10

// ReadBody returns the whole body of r. A body above limit is TooLarge and is not
// read to its end; see DiscardRest. One that does not arrive before the connection's read deadline is
// a RequestTimeoutException. The connection is closed after both answers.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	tooLarge := chat.Errorf(chat.TooLarge, "The request body is too large; at most %d bytes are allowed", limit)
	if r.ContentLength > int64(limit) {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.Header().Set("Connection", "close")
		return nil, &chat.Error{Code: chat.Invalid, Name: "RequestTimeoutException", Message: "The request body did not arrive in time"}
	}
	if err != nil {
		return nil, &chat.Error{Code: chat.Invalid, Name: "MalformedHttpRequestException", Message: "The request body could not be read to its end"}
	}
	// From here on net/http reads in order to detect a client that leaves. The
	// deadline for the body must not look like that.
	http.NewResponseController(w).SetReadDeadline(time.Time{}) //nolint:errcheck // Not all that tests write to have deadlines.
	return body, nil
}

// maxDiscarded bounds how much DiscardRest reads.
const maxDiscarded = 64 << 20

// DiscardRest sends the answer to a request whose body was not read to its end, and then
// reads more of the body, within the connection's read deadline. Most clients read the
// answer only when they have sent everything, and a connection that is closed before that
// is reset, which discards the answer.
func DiscardRest(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return // The client sends nothing before it has an answer.
	}
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	io.Copy(io.Discard, io.LimitReader(r.Body, maxDiscarded)) //nolint:errcheck // The connection is closed in any case.
}

// CheckMedia checks that the request's Content-Type and Accept allow
// application/json, the only media type of the service. Content-Type is checked only
// in a POST, because the other methods have no body.
func CheckMedia(r *http.Request) error {
	if given := r.Header.Get("Content-Type"); given != "" && r.Method == http.MethodPost {
		if media, _, err := mime.ParseMediaType(given); err != nil || media != "application/json" {
			return &chat.Error{
				Code: chat.Invalid, Name: "UnsupportedMediaTypeException",
				Message: "The Content-Type of a request must be application/json",
			}
		}
	}
	if accept := r.Header.Values("Accept"); len(accept) > 0 && !acceptsJSON(strings.Join(accept, ",")) {
		return &chat.Error{
			Code: chat.Invalid, Name: "NotAcceptableException",
			Message: "The service answers with application/json, which the Accept header of the request does not allow",
		}
	}
	return nil
}

// acceptsJSON reports whether an Accept header (RFC 9110, section 12.5.1) has a range
// that includes application/json. An empty header allows everything.
func acceptsJSON(accept string) bool {
	if strings.TrimSpace(accept) == "" {
		return true
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
			continue
		}
		if media == "*/*" || media == "application/*" || media == "application/json" {
			return true
		}
	}
	return false
}
