package restjson_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/restjson"
)

var room = chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: "AbCdEf123456"}

func TestWriteError(t *testing.T) {
	logging := room
	logging.Type = chat.LoggingConfigurationResource
	for _, c := range []struct {
		err    error
		status int
		name   string
		body   string
	}{
		{chat.InvalidField("uri", "invalid"), 400, "ValidationException", `{"message":"Request member: uri failed to satisfy the constraints: invalid","reason":"FIELD_VALIDATION_FAILED","fieldList":[{"name":"uri","message":"invalid"}]}`},
		{chat.Errorf(chat.Invalid, "no"), 400, "ValidationException", `{"message":"no","reason":"OTHER"}`},
		{&chat.Error{Code: chat.Invalid, Name: "SerializationException", Message: "no"}, 400, "SerializationException", `{"message":"no"}`},
		{&chat.Error{Code: chat.Invalid, Name: "UnsupportedMediaTypeException", Message: "no"}, 415, "UnsupportedMediaTypeException", `{"message":"no"}`},
		{&chat.Error{Code: chat.Invalid, Name: "NotAcceptableException", Message: "no"}, 406, "NotAcceptableException", `{"message":"no"}`},
		{&chat.Error{Code: chat.NotFound, Name: "UnknownOperationException", Message: "no"}, 404, "UnknownOperationException", `{"message":"no"}`},
		{chat.Errorf(chat.Unauthenticated, "no"), 403, "UnrecognizedClientException", `{"message":"no"}`},
		{&chat.Error{Code: chat.Unauthenticated, Name: "ExpiredTokenException", Message: "no"}, 403, "ExpiredTokenException", `{"message":"no"}`},
		{chat.Errorf(chat.AccessDenied, "no"), 403, "AccessDeniedException", `{"message":"no"}`},
		{chat.Errorf(chat.PendingVerification, "no"), 403, "PendingVerification", `{"message":"no"}`},
		{chat.NoSuchResource(room), 404, "ResourceNotFoundException", `{"message":"Resource ` + room.String() + ` does not exist","resourceId":"AbCdEf123456","resourceType":"ROOM"}`},
		{&chat.Error{Code: chat.Conflict, Message: "used", Resource: logging}, 409, "ConflictException", `{"message":"used","resourceId":"AbCdEf123456","resourceType":"LOGGING_CONFIGURATION"}`},
		{chat.Errorf(chat.TooLarge, "no"), 413, "RequestEntityTooLargeException", `{"message":"no"}`},
		{&chat.Error{Code: chat.QuotaExceeded, Message: "full", Resource: room, Limit: 5}, 402, "ServiceQuotaExceededException", `{"message":"full","resourceId":"AbCdEf123456","resourceType":"ROOM","limit":5}`},
		{&chat.Error{Code: chat.Throttled, Message: "slow"}, 429, "ThrottlingException", `{"message":"slow","resourceId":"","resourceType":"ROOM","limit":0}`},
		{chat.Errorf(chat.Unavailable, "later"), 503, "ServiceUnavailableException", `{"message":"later"}`},
		{fmt.Errorf("wrapped: %w", chat.Errorf(chat.AccessDenied, "no")), 403, "AccessDeniedException", `{"message":"no"}`},
		{chat.Errorf(chat.AccessDenied, "\xff"), 403, "AccessDeniedException", `{"message":"` + "\ufffd" + `"}`},
	} {
		t.Run(fmt.Sprint(c.name, " ", c.err), func(t *testing.T) {
			w := httptest.NewRecorder()
			restjson.WriteError(w, "request-1", c.err)
			if w.Code != c.status || w.Header().Get("x-amzn-ErrorType") != c.name {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Header().Get("x-amzn-ErrorType"), c.status, c.name)
			}
			if d := cmp.Diff(c.body, w.Body.String()); d != "" {
				t.Error(d)
			}
			if got, want := w.Header().Get("Retry-After") != "", c.status == 429 || c.status == 503; got != want {
				t.Errorf("Retry-After present: %v, want %v", got, want)
			}
			if w.Header().Get("x-amzn-RequestId") != "request-1" || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("headers are %v", w.Header())
			}
		})
	}
	t.Run("an internal error does not show its cause", func(t *testing.T) {
		for _, err := range []error{errors.New("open /secret: denied"), chat.Errorf(chat.Internal, "open /secret: denied"), chat.Errorf(chat.Rejected, "open /secret: denied")} {
			w := httptest.NewRecorder()
			restjson.WriteError(w, "request-1", err)
			want := `{"message":"The service could not carry the request out because of an internal error; its log has the cause under the request id"}`
			if w.Code != 500 || w.Header().Get("x-amzn-ErrorType") != "InternalServerException" || w.Body.String() != want {
				t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
			}
		}
	})
}

func TestWrite(t *testing.T) {
	t.Run("a result", func(t *testing.T) {
		w := httptest.NewRecorder()
		if err := restjson.Write(w, http.StatusOK, "request-1", map[string]string{"b": "<&>", "a": "é"}); err != nil {
			t.Fatal(err)
		}
		if w.Body.String() != `{"a":"é","b":"<&>"}` || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Content-Length") != "20" {
			t.Errorf("got %v %s", w.Header(), w.Body)
		}
	})
	t.Run("no output is an empty body", func(t *testing.T) {
		for _, status := range []int{http.StatusOK, http.StatusNoContent} {
			w := httptest.NewRecorder()
			if err := restjson.Write(w, status, "request-1", nil); err != nil {
				t.Fatal(err)
			}
			if w.Code != status || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "" || w.Header().Get("x-amzn-RequestId") != "request-1" {
				t.Errorf("got %d %v %q", w.Code, w.Header(), w.Body)
			}
		}
	})
	t.Run("what has no JSON is an error and writes nothing", func(t *testing.T) {
		w := httptest.NewRecorder()
		if err := restjson.Write(w, http.StatusOK, "request-1", func() {}); err == nil || len(w.Header()) > 0 {
			t.Errorf("got %v, %v", err, w.Header())
		}
	})
}
