package restjson

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/chat"
)

// statuses are those of named exceptions whose status differs from their code's.
var statuses = map[string]int{
	"UnknownOperationException":     http.StatusNotFound,
	"UnsupportedMediaTypeException": http.StatusUnsupportedMediaType,
	"NotAcceptableException":        http.StatusNotAcceptable,
	"RequestTimeoutException":       http.StatusRequestTimeout,
}

// internalMessage is all that a caller gets of an internal error. The log has the
// cause under the request id.
const internalMessage = "The service could not carry the request out because of an internal error; its log has the cause under the request id"

// document is the body of every exception. The code determines its members, according
// to the API model.
type document struct {
	Message      string            `json:"message"`
	Reason       string            `json:"reason,omitzero"`
	FieldList    []validationField `json:"fieldList,omitzero"`
	ResourceID   *string           `json:"resourceId,omitzero"`
	ResourceType string            `json:"resourceType,omitzero"`
	Limit        *int              `json:"limit,omitzero"`
}

type validationField struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Exception returns the name and the HTTP status of err.
func Exception(err error) (name string, status int) {
	e := refusal(err)
	wire := e.Code.Wire()
	name, status = wire.Exception, wire.Status
	if e.Name != "" {
		name = e.Name
		if s, ok := statuses[e.Name]; ok {
			status = s
		}
	}
	return name, status
}

// refusal returns the chat.Error in err, or an Internal one for an error that must
// not be shown to the caller.
func refusal(err error) *chat.Error {
	e, ok := errors.AsType[*chat.Error](err)
	if ok && e.Code.Known() && e.Code != chat.Internal && e.Code.Wire().Exception != "" {
		return e
	}
	return &chat.Error{Code: chat.Internal, Message: internalMessage}
}

// WriteError answers with the exception of err: its name in x-amzn-ErrorType, its
// members in the body. An error that is not a *chat.Error becomes an
// InternalServerException without details.
func WriteError(w http.ResponseWriter, requestID string, err error) {
	e := refusal(err)
	name, status := Exception(e)
	doc := document{Message: e.Message}
	switch {
	case e.Name != "":
		// These are not in the API model and have a message only.
	case e.Code == chat.Invalid:
		doc.Reason = string(e.Reason)
		if doc.Reason == "" {
			doc.Reason = string(chat.Other)
		}
		for _, f := range e.Fields {
			doc.FieldList = append(doc.FieldList, validationField(f))
		}
	case e.Code == chat.QuotaExceeded || e.Code == chat.Throttled:
		doc.Limit = &e.Limit
		fallthrough
	case e.Code == chat.NotFound || e.Code == chat.Conflict:
		doc.ResourceID = &e.Resource.ID
		doc.ResourceType = e.Resource.Type.ErrorName()
	}
	h := w.Header()
	h.Set("x-amzn-ErrorType", name)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1") // Every rate of the service refills within a second.
	}
	// A message may quote the client's input. The answer is always valid UTF-8.
	body, err := json.Marshal(doc, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		body = []byte(`{"message":""}`)
	}
	send(w, status, requestID, body)
}

// Write answers with the output v of an operation; nil is an empty body, as for 204
// and operations without output.
func Write(w http.ResponseWriter, status int, requestID string, v any) error {
	if v == nil {
		send(w, status, requestID, nil)
		return nil
	}
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	send(w, status, requestID, body)
	return nil
}

// send writes the answer. net/http adds Date, which SDKs use to correct their clocks.
func send(w http.ResponseWriter, status int, requestID string, body []byte) {
	h := w.Header()
	h.Set("x-amzn-RequestId", requestID)
	if body != nil {
		h.Set("Content-Type", "application/json")
	}
	if status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // The client is gone, so the error has no receiver.
}
