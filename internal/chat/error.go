package chat

import (
	"errors"
	"fmt"
)

// Code is the kind of a refusal. Code.Wire is its form for clients.
type Code int

// The codes. Nodes exchange their numbers, so new codes must be added at the end.
const (
	Internal            Code = iota // the cause is not shown to the caller
	Invalid                         // a member of the request breaks a rule
	Unauthenticated                 // the caller is unknown; the exception has several names, see Error.Name
	AccessDenied                    // the caller is known but not allowed
	PendingVerification             // the account is not allowed yet
	NotFound                        // a resource does not exist
	Conflict                        // a resource exists, or is in use
	TooLarge                        // the request is too long
	Rejected                        // by message review
	QuotaExceeded                   // a limit on resources
	Throttled                       // a limit on rates
	Unavailable                     // try again
)

var codeNames = [...]string{
	Internal: "internal", Invalid: "invalid", Unauthenticated: "unauthenticated", AccessDenied: "access denied",
	PendingVerification: "pending verification", NotFound: "not found", Conflict: "conflict", TooLarge: "too large",
	Rejected: "rejected", QuotaExceeded: "quota exceeded", Throttled: "throttled", Unavailable: "unavailable",
}

// Known reports whether c is one of the codes; a node of a later release may send
// another.
func (c Code) Known() bool { return c >= 0 && int(c) < len(codeNames) }

// String returns the code's name for logs.
func (c Code) String() string {
	if !c.Known() {
		return fmt.Sprintf("code %d", int(c))
	}
	return codeNames[c]
}

// Error is a refusal whose text may be shown to the caller: the broken rule and what
// is allowed. Any other error is internal and is only logged.
type Error struct {
	Code    Code
	Message string
	// Name replaces the exception's name if one code has several, as Unauthenticated
	// has (InvalidSignatureException, ExpiredTokenException, …).
	Name string
	// ID is the id that the refused message already had, for the ERROR frame.
	ID string
	// Reason and Fields are the details of a ValidationException.
	Reason ValidationReason
	Fields []Field
	// Resource is the subject of a NotFound, Conflict, QuotaExceeded or Throttled.
	Resource ARN
	// Limit is the exceeded number of a QuotaExceeded or Throttled.
	Limit int
	// Rule names the rule that refused a message, such as slow-mode, for traces. Clients do
	// not get it.
	Rule string
}

// By sets Rule and returns the error.
func (e *Error) By(rule string) *Error {
	e.Rule = rule
	return e
}

// ValidationReason is the reason member of a ValidationException.
type ValidationReason string

// The reasons of the API model.
const (
	UnknownOperation      ValidationReason = "UNKNOWN_OPERATION"
	FieldValidationFailed ValidationReason = "FIELD_VALIDATION_FAILED"
	Other                 ValidationReason = "OTHER"
)

// Field is one entry of a ValidationException's fieldList.
type Field struct {
	Name    string
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error of the given code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidField is the refusal of one member of a request. The wording is the
// service's own: "Request member: uri failed to satisfy the constraints: …".
func InvalidField(name, format string, args ...any) *Error {
	return InvalidFields(Field{Name: name, Message: fmt.Sprintf(format, args...)})
}

// InvalidFields is the refusal of several members of a request at once.
func InvalidFields(fields ...Field) *Error {
	e := &Error{Code: Invalid, Reason: FieldValidationFailed, Fields: fields}
	for i, f := range fields {
		if i > 0 {
			e.Message += "; "
		}
		e.Message += "Request member: " + f.Name + " failed to satisfy the constraints: " + f.Message
	}
	return e
}

// NoSuchResource is the error about a room or logging configuration that does not
// exist.
func NoSuchResource(a ARN) *Error {
	return &Error{Code: NotFound, Message: fmt.Sprintf("Resource %s does not exist", a), Resource: a}
}

// CodeOf returns the code of the first Error in err's chain, and Internal if there is
// none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
