package command

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// foreign is an answer that no server of the API gave: a web page, or the words of a proxy.
type foreign struct {
	code     int
	status   string
	location string // where a redirect leads
	text     string // the beginning of the body
}

func (f *foreign) Error() string { return "the answer is not one of IVS Chat: " + f.status }

// peeked is how much of a foreign answer is looked at.
const peeked = 1 << 10

// checkAnswer returns a *foreign if an answer cannot be one of the API. Those are objects of
// JSON, or empty. An error without a body has its code in a header. It leaves the body whole.
func checkAnswer(res *http.Response) error {
	body := bufio.NewReaderSize(res.Body, peeked)
	res.Body = struct {
		io.Reader
		io.Closer
	}{body, res.Body}
	begin, err := body.Peek(1)
	switch {
	case err != nil && (res.StatusCode < http.StatusMultipleChoices || res.Header.Get("X-Amzn-Errortype") != ""):
		return nil
	case err == nil && strings.ContainsAny(string(begin), "{ \t\r\n"):
		return nil
	}
	rest, _ := body.Peek(peeked) // What is there of it; a shorter body is whole.
	return &foreign{code: res.StatusCode, status: res.Status, location: res.Header.Get("Location"), text: string(rest)}
}

// checkAnswers has the SDK check each answer before it reads it. Otherwise it takes a web page
// for the answer of an operation that returns nothing.
func checkAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("ConfabCheckAnswer",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			res, ok := out.RawResponse.(*smithyhttp.Response)
			if err != nil || !ok {
				return out, metadata, err
			}
			if err := checkAnswer(res.Response); err != nil {
				return out, metadata, &smithyhttp.ResponseError{Response: res, Err: err}
			}
			return out, metadata, nil
		}), middleware.After)
}

// says puts a foreign answer into words: what came, and what to do.
func (f *foreign) says(where string) string {
	came := fmt.Sprintf("%s answered %s, and not as IVS Chat does", where, f.status)
	switch {
	case f.code == http.StatusBadRequest && strings.Contains(f.text, "HTTPS"):
		return fmt.Sprintf("%s speaks HTTPS; use https:// in the endpoint", where)
	case f.location != "":
		return fmt.Sprintf("%s leads to %q; use the endpoint that it leads to", came, Plain(f.location))
	}
	switch f.code {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return came + "; a proxy there does not reach the server: start the server, or correct its address in the proxy"
	case http.StatusRequestEntityTooLarge:
		return came + "; let the proxy there accept bodies of 4 MiB (nginx: client_max_body_size 4m)"
	}
	return came + "; correct the endpoint (--endpoint, AWS_ENDPOINT_URL_IVSCHAT), or have the proxy there pass all calls to the server; confab doctor finds out more"
}
