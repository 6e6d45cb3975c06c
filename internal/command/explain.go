package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
)

// remedies says, by the code of an error, what to do.
//
//nolint:gosec // These are names of errors.
var remedies = map[string]string{
	"AccessDeniedException":         "the policy of these credentials must allow it; confab credentials list shows policies",
	"UnrecognizedClientException":   "check AWS_ACCESS_KEY_ID or the profile; confab credentials list shows the keys of the server",
	"InvalidSignatureException":     "check AWS_SECRET_ACCESS_KEY, --region, and the clock of this machine",
	"SignatureDoesNotMatch":         "check AWS_SECRET_ACCESS_KEY, --region, and the clock of this machine",
	"RequestExpired":                "set the clock of this machine",
	"ExpiredTokenException":         "get new temporary credentials",
	"MissingAuthenticationToken":    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile",
	"ThrottlingException":           "wait a second and try again",
	"ServiceQuotaExceededException": "delete what is not needed, or raise the quota (serviceQuotas in the server's configuration file)",
	"ConflictException":             "look at it with get, then try again",
	"UnknownOperationException":     "the server is not Confab, is of an older version, or runs with --extensions off",
	"InternalServerException":       "look into the server's log",
	"ServiceUnavailableException":   "look at /readyz and into the server's log",
	"PendingVerification":           "verify the AWS account first",
	"IncompleteSignatureException":  "a proxy may have changed the Authorization header",
}

// Explain makes one line of an error of the API that says what to do: the operation, what the
// server said, and the remedy. where names the server.
func Explain(err error, where string) error {
	if err == nil {
		return nil
	}
	operation := "the request"
	if o, ok := errors.AsType[*smithy.OperationError](err); ok {
		operation = o.OperationName
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		text := fmt.Sprintf("%s failed: %s: %s", operation, e.ErrorCode(), strings.TrimSuffix(e.ErrorMessage(), "."))
		remedy := remedies[e.ErrorCode()]
		if e.ErrorCode() == "ResourceNotFoundException" {
			remedy = whatThereIs(operation, e.ErrorMessage())
		}
		switch {
		case strings.Contains(e.ErrorMessage(), "valid Region"):
			remedy = "set --region or AWS_REGION to it"
		case strings.Contains(e.ErrorMessage(), "must match [a-zA-Z0-9-_]*"):
			remedy = "use letters without accents, digits, - and _ only"
		}
		if remedy != "" {
			text += "; " + remedy
		}
		return &refused{text, err}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return &refused{fmt.Sprintf("%s failed: %s did not answer in time; confab doctor looks for the reason", operation, where), err}
	case strings.Contains(err.Error(), "failed to refresh cached credentials"), strings.Contains(err.Error(), "get credentials"):
		return &refused{operation + " failed: there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile", err}
	}
	if f, ok := errors.AsType[*foreign](err); ok {
		return &refused{operation + " failed: " + f.says(where), err}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return &refused{operation + " failed: " + unreachable(err, where), err}
	}
	if o, ok := errors.AsType[*smithy.OperationError](err); ok {
		return &refused{fmt.Sprintf("%s failed: %v", operation, o.Err), err}
	}
	return err
}

// unreachable says why there is no connection, and what to do.
func unreachable(err error, where string) string {
	const endpoint = "the endpoint (--endpoint, AWS_ENDPOINT_URL_IVSCHAT)"
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return fmt.Sprintf("no address is known for the name %s; correct %s", dns.Name, endpoint)
		}
		return fmt.Sprintf("the name %s cannot be looked up (%s); check the network and the name servers of this machine", dns.Name, dns.Err)
	}
	cause := innermost(err)
	if request, ok := errors.AsType[*url.Error](err); ok {
		cause = innermost(request) // Around it, the SDK says why it does not try again.
	}
	text := fmt.Sprintf("%s cannot be reached (%v); ", where, cause)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return text + "name the file with the certificate of this authority in AWS_CA_BUNDLE, or give the server a certificate that clients know"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return text + "use a name in the endpoint that the certificate has"
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return text + "renew the certificate of the server, or set the clock of this machine"
	}
	if strings.Contains(cause.Error(), "HTTP response to HTTPS client") {
		return fmt.Sprintf("%s speaks HTTP without TLS; use http:// in the endpoint", where)
	}
	return text + "start the server, or correct " + endpoint
}

// whatThereIs names the command that lists what an operation has not found.
func whatThereIs(operation, message string) string {
	if !strings.HasPrefix(message, "Resource arn:") { // This is a room or a logging configuration.
		for noun, list := range map[string]string{"ContentFilter": "confab filter list", "Webhook": "confab webhook list", "Ban": "confab bans"} {
			if strings.Contains(operation, noun) {
				return list + " shows what there is"
			}
		}
	}
	return "confab room list and confab logging list show what there is"
}

// refused is an error that was put into words, and the one that it was.
type refused struct {
	text string
	err  error
}

func (r *refused) Error() string { return r.text }
func (r *refused) Unwrap() error { return r.err }

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// Code returns the code of an API error, such as ResourceNotFoundException, or "" for other
// errors.
func Code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// Busy reports whether a call failed because the server has too much to do. Later it may succeed.
func Busy(err error) bool {
	code := Code(err)
	return code == "ThrottlingException" || code == "ServiceUnavailableException"
}

// Unreachable reports whether a call failed because there was no connection to the server, or it
// was lost.
func Unreachable(err error) bool {
	_, is := errors.AsType[net.Error](err)
	return is
}

// Final reports whether a call that failed would fail in the same way when it is repeated,
// because the server refuses the credentials or what they ask for.
func Final(err error) bool {
	switch Code(err) {
	case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch",
		"IncompleteSignatureException", "ExpiredTokenException", "MissingAuthenticationToken",
		"ResourceNotFoundException", "ValidationException":
		return true
	}
	return false
}
