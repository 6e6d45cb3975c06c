package review

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// api returns the part of the Lambda Runtime API that runtimes use (Lambda developer
// guide, "Using the Lambda runtime API"). Every process has its own.
func (i *instance) api() http.Handler {
	const base = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"invocation/next", i.next)
	mux.HandleFunc("POST "+base+"invocation/{id}/response", i.response)
	mux.HandleFunc("POST "+base+"invocation/{id}/error", i.functionError)
	mux.HandleFunc("POST "+base+"init/error", i.initError)
	return mux
}

// next gives the process its next message, once there is one.
func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	i.becameReady()
	select {
	case inv := <-i.handler.queue:
		if !i.take(inv) {
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.uri)
		h.Set("Content-Length", strconv.Itoa(len(inv.payload)))
		_, _ = w.Write(inv.payload) // A failed write means that the process is gone, which run notices.
	case <-r.Context().Done():
	case <-i.over.Done():
		http.Error(w, "the instance ends", http.StatusServiceUnavailable)
	}
}

// response accepts an answer, even a late one: a runtime whose answer is refused exits,
// although nothing is wrong with it.
func (i *instance) response(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !i.works(id) {
		refuseID(w)
		return
	}
	b, err := io.ReadAll(&boundedBody{ReadCloser: r.Body, left: maxAnswer})
	if err != nil {
		b = nil
		_, _ = io.Copy(io.Discard, r.Body) // For the same reason.
	} else if r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "" {
		// A streamed answer that was cut off.
		b, err = nil, errFunctionError
	}
	i.finish(id, outcome{b, err})
	accept(w)
}

// functionError accepts the report of a failed function.
func (i *instance) functionError(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !i.works(id) {
		refuseID(w)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // The text may quote the message.
	i.finish(id, outcome{err: errFunctionError})
	accept(w)
}

// initError accepts the report of a function that failed to start. The process ends by
// itself.
func (i *instance) initError(w http.ResponseWriter, r *http.Request) {
	var failure struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	const enough = 4 << 10
	if b, err := io.ReadAll(io.LimitReader(r.Body, enough)); err == nil {
		_ = json.Unmarshal(b, &failure) // Without valid JSON there is no detail to log.
	}
	i.end(fmt.Errorf("its init failed: %.100s: %.500s", failure.Type, failure.Message))
	accept(w)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`) // As above.
}

func refuseID(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`) // As above.
}
