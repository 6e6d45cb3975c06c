package conformance

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// posts are the operations that are POST /<name>.
var posts = []string{
	"CreateChatToken", "CreateLoggingConfiguration", "CreateRoom", "DeleteLoggingConfiguration", "DeleteMessage",
	"DeleteRoom", "DisconnectUser", "GetLoggingConfiguration", "GetRoom", "ListLoggingConfigurations", "ListRooms",
	"SendEvent", "UpdateLoggingConfiguration", "UpdateRoom",
}

func TestTransport(t *testing.T) {
	t.Parallel()
	group(t, "routes", func(t *testing.T) {
		for _, operation := range posts {
			check(t, "POST "+operation, func(t *testing.T) {
				r := call(t, operation, m{})
				if r.status != http.StatusOK && r.errorName() != "ValidationException" {
					t.Errorf("status %d %s: %s", r.status, r.errorName(), r.body)
				}
				if strings.Contains(string(r.body), "UNKNOWN_OPERATION") {
					t.Errorf("the operation is unknown: %s", r.body)
				}
			})
		}
		unknownOperation := func(t *testing.T, r *reply) {
			t.Helper()
			if r.errorName() == "ValidationException" && r.status == http.StatusBadRequest {
				wantValue(t, r.object(t), "reason", "UNKNOWN_OPERATION")
				return
			}
			r.wantError(t, "UnknownOperationException", http.StatusNotFound)
		}
		for _, path := range []string{"/CreateRooms", "/createroom", "/CreateRoom/", "/v1/CreateRoom", "/tags", "/%43reateRoo"} {
			check(t, "POST "+strings.ReplaceAll(path, "/", ":")+" is unknown", func(t *testing.T) {
				unknownOperation(t, subject.send(t, &call4{path: path, body: `{}`}))
			})
		}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			check(t, method+" CreateRoom is refused", func(t *testing.T) {
				r := subject.send(t, &call4{method: method, path: "/CreateRoom", body: `{}`})
				if r.status != http.StatusMethodNotAllowed {
					unknownOperation(t, r)
				}
			})
		}
	})

	group(t, "answers", func(t *testing.T) {
		check(t, "are JSON", func(t *testing.T) {
			if got := call(t, "ListRooms", m{}).header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
		})
		check(t, "errors are JSON too", func(t *testing.T) {
			if got := call(t, "GetRoom", m{}).header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
		})
		check(t, "carry a request id of their own", func(t *testing.T) {
			a, b := call(t, "ListRooms", m{}).header.Get("X-Amzn-Requestid"), call(t, "ListRooms", m{}).header.Get("X-Amzn-Requestid")
			if a == "" || a == b {
				t.Errorf("request ids %q and %q", a, b)
			}
		})
		check(t, "errors carry a request id", func(t *testing.T) {
			if call(t, "GetRoom", m{}).header.Get("X-Amzn-Requestid") == "" {
				t.Error("no request id")
			}
		})
		check(t, "refused signatures carry a request id", func(t *testing.T) {
			r := subject.send(t, &call4{path: "/ListRooms", body: `{}`, unsigned: true})
			if r.header.Get("X-Amzn-Requestid") == "" {
				t.Error("no request id")
			}
		})
		check(t, "carry the time", func(t *testing.T) {
			at, err := http.ParseTime(call(t, "ListRooms", m{}).header.Get("Date"))
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Since(at); d > time.Minute || d < -time.Minute {
				t.Errorf("Date is %s ago", d)
			}
		})
	})

	group(t, "error members", func(t *testing.T) {
		check(t, "ValidationException", func(t *testing.T) {
			wantMembers(t, call(t, "CreateRoom", m{"name": "a b"}).wantError(t, "ValidationException", 400), "message", "reason", "fieldList")
		})
		check(t, "ValidationException speaks the service's words", func(t *testing.T) {
			o := call(t, "CreateRoom", m{"name": "a b"}).wantError(t, "ValidationException", 400)
			if want := "Request member: name failed to satisfy the constraints: "; !strings.HasPrefix(text(t, o, "message"), want) {
				t.Errorf("message %q, want it to begin %q", o["message"], want)
			}
		})
		check(t, "ResourceNotFoundException", func(t *testing.T) {
			o := call(t, "GetRoom", m{"identifier": roomARN(noID)}).wantError(t, "ResourceNotFoundException", 404)
			wantMembers(t, o, "message", "resourceId", "resourceType")
		})
		check(t, "a refused signature", func(t *testing.T) {
			o := subject.send(t, &call4{path: "/ListRooms", body: `{}`, unsigned: true}).wantError(t, "MissingAuthenticationTokenException", 403)
			if len(o) != 1 {
				t.Errorf("members %v, want message alone", o)
			}
		})
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	if own == nil {
		return // These paths are Confab's own.
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		check(t, path[1:]+" answers 200 without a signature", func(t *testing.T) {
			res, err := client.Get(subject.api + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != http.StatusOK {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
}
