package chat

// Wire is the form of a code for clients, in each of the three places where the
// service refuses something. The numbers of the first two are HTTP statuses.
type Wire struct {
	// Exception and Status are for an operation of the API: the API model's, or AWS's
	// common errors for codes that the model lacks. They are empty for a code that
	// operations do not use.
	Exception string
	Status    int
	// HandshakeException and HandshakeStatus are for a WebSocket handshake; empty for
	// a code that handshakes do not use.
	HandshakeException string
	HandshakeStatus    int
	// ErrorCode is that of an ERROR frame. The iOS SDK knows only these.
	ErrorCode int
}

// wires has the row of each code.
var wires = [...]Wire{
	Internal:            {"InternalServerException", 500, "InternalServerException", 500, 500},
	Invalid:             {"ValidationException", 400, "ValidationException", 400, 400},
	Unauthenticated:     {"UnrecognizedClientException", 403, "UnauthorizedException", 401, 401},
	AccessDenied:        {"AccessDeniedException", 403, "AccessDeniedException", 403, 403},
	PendingVerification: {"PendingVerification", 403, "AccessDeniedException", 403, 403},
	NotFound:            {"ResourceNotFoundException", 404, "ResourceNotFoundException", 404, 404},
	Conflict:            {"ConflictException", 409, "", 0, 500},
	TooLarge:            {"RequestEntityTooLargeException", 413, "", 0, 413},
	Rejected:            {"", 0, "", 0, 406},
	QuotaExceeded:       {"ServiceQuotaExceededException", 402, "ServiceQuotaExceededException", 429, 429},
	Throttled:           {"ThrottlingException", 429, "ThrottlingException", 429, 429},
	Unavailable:         {"ServiceUnavailableException", 503, "ServiceUnavailableException", 503, 500},
}

// Wire returns the form of the code for clients; an unknown code is Internal.
func (c Code) Wire() Wire {
	if !c.Known() {
		return wires[Internal]
	}
	return wires[c]
}
