package awstest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Function is a Lambda function. What it returns is the body of the answer; a
// function error, such as "Unhandled", marks it as one.
type Function func(payload []byte) (answer []byte, functionError string)

// Lambda is the operation Invoke of AWS Lambda (API version 2015-03-31).
type Lambda struct {
	URL string

	mu        sync.Mutex // guards what follows
	functions map[string]Function
	denied    map[string]bool
	hijack    http.HandlerFunc
	calls     map[string]int
}

// NewLambda starts a Lambda without functions. It ends with the test.
func NewLambda(tb testing.TB) *Lambda {
	tb.Helper()
	l := &Lambda{functions: map[string]Function{}, denied: map[string]bool{}, calls: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", l.invoke)
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	l.URL = server.URL
	return l
}

// Create makes a function, or replaces it. Its name may be any that FunctionName
// allows; a call must use the very same.
func (l *Lambda) Create(name string, f Function) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.functions[name] = f
}

// Deny takes away the permission to invoke a function.
func (l *Lambda) Deny(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.denied[name] = true
}

// Hijack makes h answer all calls. With nil, the functions answer again.
func (l *Lambda) Hijack(h http.HandlerFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hijack = h
}

// Calls returns the number of requests with an invocation type: RequestResponse, DryRun or
// Event; "" for requests that name none.
func (l *Lambda) Calls(invocationType string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[invocationType]
}

func (l *Lambda) invoke(w http.ResponseWriter, r *http.Request) {
	if !signed(w, r, "lambda") {
		return
	}
	name, kind := r.PathValue("name"), r.Header.Get("X-Amz-Invocation-Type")
	l.mu.Lock()
	l.calls[kind]++
	f, denied, hijack := l.functions[name], l.denied[name], l.hijack
	l.mu.Unlock()
	switch {
	case hijack != nil:
		hijack(w, r)
	case denied:
		refuse(w, http.StatusForbidden, "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction on resource: "+name)
	case f == nil:
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+name)
	case kind == "DryRun":
		w.WriteHeader(http.StatusNoContent)
	case kind == "RequestResponse" || kind == "":
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		answer, functionError := f(payload)
		w.Header().Set("X-Amz-Executed-Version", "$LATEST")
		w.Header().Set("Content-Type", "application/json")
		if functionError != "" {
			w.Header().Set("X-Amz-Function-Error", functionError)
		}
		_, _ = w.Write(answer) // A client that is gone has had its answer.
	default:
		refuse(w, http.StatusBadRequest, "InvalidParameterValueException", "Unsupported invocation type: "+strings.ToValidUTF8(kind, "?"))
	}
}
