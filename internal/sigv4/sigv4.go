// Package sigv4 verifies AWS Signature Version 4, in the Authorization header
// and in the query (presigned), for any service but S3.
//
// A request is verified in three steps, with the lookup of the secret between them.
// Parse reads the client's data and refuses malformed requests. Authorization.Check
// checks date and scope against the clock and the service. Authorization.Verify
// computes the signature and compares.
//
//	a, err := sigv4.Parse(r)
//	err = a.Check(time.Now(), "us-west-2", "ivschat")
//	err = a.Verify(r, hex.EncodeToString(bodySum[:]), secretOf(a.AccessKeyID))
//
// Every refusal is a *chat.Error with the code Unauthenticated and one of the names
// below. The rules are those of the IAM User Guide, "Signature Version 4 signing
// process" and its troubleshooting page, as the signers of the AWS SDKs apply them.
package sigv4

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"confab/internal/chat"
)

// The names of the refusals, as in x-amzn-ErrorType.
const (
	MissingAuthenticationToken = "MissingAuthenticationTokenException"
	IncompleteSignature        = "IncompleteSignatureException"
	InvalidSignature           = "InvalidSignatureException"
)

// MaxSkew is the greatest difference between the client's clock and the server's.
const MaxSkew = 5 * time.Minute

// MaxExpires is the longest validity of a presigned request.
const MaxExpires = 7 * 24 * time.Hour

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	// isoBasic is the only form of X-Amz-Date and of the signed time.
	isoBasic = "20060102T150405Z"
)

// The limits of parsed data. SDKs stay far below; an access key id has at most 128
// characters (IAM API reference), session tokens some 2 KB.
const (
	maxAuthorization = 8 << 10   // bytes of the Authorization header
	maxSessionToken  = 16 << 10  // bytes
	maxCredential    = 512       // bytes of Credential
	maxAccessKeyID   = 128       // bytes
	maxSignedHeaders = 100       // names
	maxQuery         = 128 << 10 // bytes: UntagResource may name 50 keys of 128 characters, four escaped bytes each
	maxParameters    = 1000      // pairs in the query
)

// Authorization is a request's claim about its signer and signature. It is unproven
// until Check and Verify have both returned nil.
type Authorization struct {
	AccessKeyID string
	// Date, Region, Service and Terminator are the credential scope. Date is
	// yyyymmdd.
	Date, Region, Service, Terminator string
	// Time is when the request was signed, in whole seconds.
	Time time.Time
	// SignedHeaders are lower-case, in strictly ascending order, all present in the
	// request, and include host.
	SignedHeaders []string
	// Signature is as sent: lower-case hex if it is valid.
	Signature string
	// SessionToken is empty for long-term credentials.
	SessionToken string
	// Presigned is set if the signature was in the query.
	Presigned bool
	// Expires is how long after Time a presigned request is valid. Zero, if the
	// request had none, means MaxSkew, as for a signature in the header.
	Expires time.Duration
}

// Parse reads the signature of r from its Authorization header or its query. It fails
// with MissingAuthenticationToken if there is neither. It fails with
// IncompleteSignature if something is missing, malformed, doubled or too large, or if
// both are present. It fails with InvalidSignature if the signature omits a required
// header or covers one that the request lacks.
func Parse(r *http.Request) (*Authorization, error) {
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	header, presigned := r.Header["Authorization"], isPresigned(params)
	var a *Authorization
	switch {
	case len(header) == 0 && !presigned:
		return nil, refuse(MissingAuthenticationToken, "Missing Authentication Token")
	case len(header) > 1:
		return nil, refuse(IncompleteSignature, "The request has %d Authorization headers; one is allowed.", len(header))
	case len(header) == 1 && presigned:
		return nil, refuse(IncompleteSignature, "The request is signed in the Authorization header and in the query-string; only one of them is allowed.")
	case presigned:
		a, err = parsePresigned(params)
	default:
		a, err = parseHeader(r.Header, header[0])
	}
	if err != nil {
		return nil, err
	}
	if err := checkSignedHeaders(r, a.SignedHeaders); err != nil {
		return nil, err
	}
	return a, nil
}

// Check checks the credential scope against the region and the service, and the time
// of the signature against now.
func (a *Authorization) Check(now time.Time, region, service string) error {
	var wrong []string
	if a.Region != region {
		wrong = append(wrong, fmt.Sprintf("Credential should be scoped to a valid Region, not '%s'; the region here is '%s'.", a.Region, region))
	}
	if a.Service != service {
		wrong = append(wrong, fmt.Sprintf("Credential should be scoped to correct service: '%s'.", service))
	}
	if a.Terminator != terminator {
		wrong = append(wrong, fmt.Sprintf("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, a.Terminator))
	}
	if day := a.Time.Format("20060102"); a.Date != day {
		wrong = append(wrong, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			a.Date, day, a.Time.Format(isoBasic)))
	}
	if len(wrong) > 0 {
		return refuse(InvalidSignature, "%s", strings.Join(wrong, " "))
	}
	return a.checkTime(now.UTC())
}

func (a *Authorization) checkTime(now time.Time) error {
	at := func(t time.Time) string { return t.Format(isoBasic) }
	if latest := now.Add(MaxSkew); a.Time.After(latest) {
		return refuse(InvalidSignature, "Signature not yet current: %s is still later than %s (%s + 5 min.)", at(a.Time), at(latest), at(now))
	}
	if a.Expires > 0 {
		if end := a.Time.Add(a.Expires); now.After(end) {
			return refuse(InvalidSignature, "Signature expired: %s is now earlier than %s (%s + %d s.)", at(end), at(now), at(a.Time), int(a.Expires/time.Second))
		}
		return nil
	}
	if earliest := now.Add(-MaxSkew); a.Time.Before(earliest) {
		return refuse(InvalidSignature, "Signature expired: %s is now earlier than %s (%s - 5 min.)", at(a.Time), at(earliest), at(now))
	}
	return nil
}

// refuse makes the error of a name. Its messages repeat only scope and dates of the
// client's input: clients put secrets into the wrong places, and messages are logged.
func refuse(name, format string, args ...any) error {
	e := chat.Errorf(chat.Unauthenticated, format, args...)
	e.Name = name
	return e
}
