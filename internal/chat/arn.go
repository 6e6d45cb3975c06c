package chat

import (
	"fmt"
	"strings"
)

// ResourceType is the kind of a resource, as in an ARN.
type ResourceType string

// The two kinds of resources of the service.
const (
	RoomResource                 ResourceType = "room"
	LoggingConfigurationResource ResourceType = "logging-configuration"
)

// The kinds of resources of our own. They have no ARNs, but errors name them.
const (
	BanResource           ResourceType = "ban"
	ContentFilterResource ResourceType = "content-filter"
	CredentialsResource   ResourceType = "credentials"
	WebhookResource       ResourceType = "webhook"
)

// ErrorName is the kind's name in the resourceType member of errors. The API
// model knows only ROOM; others, such as LOGGING_CONFIGURATION, are ours (SDK enums are
// open).
func (t ResourceType) ErrorName() string {
	if t == "" {
		t = RoomResource
	}
	return strings.ToUpper(strings.ReplaceAll(string(t), "-", "_"))
}

// ARN names a room or a logging configuration:
// arn:aws:ivschat:<region>:<account>:<type>/<id>. Without a type it
// names no resource.
type ARN struct {
	Region  string // for example us-west-2
	Account string // 12 digits
	Type    ResourceType
	ID      string // the bare id; "*" in the ARNs that policies of Create* and List* are held against
}

// String returns the ARN in text form. The partition is always aws, the only one that
// the patterns of the API model accept. Without a type it is *, the resource of operations
// on the server itself.
func (a ARN) String() string {
	if a.Type == "" {
		return "*"
	}
	return "arn:aws:ivschat:" + a.Region + ":" + a.Account + ":" + string(a.Type) + "/" + a.ID
}

// ParseARN parses the ARN of a room or a logging configuration. It checks the API
// model's pattern
// arn:aws:ivschat:[a-z0-9-]+:[0-9]+:(room|logging-configuration)/[a-zA-Z0-9-]+ and
// its limit of 128 characters.
func ParseARN(s string) (ARN, error) {
	if len(s) > 128 {
		return ARN{}, fmt.Errorf("an ARN has at most 128 characters, this has %d", len(s))
	}
	rest, ok := strings.CutPrefix(s, "arn:aws:ivschat:")
	if !ok {
		return ARN{}, fmt.Errorf("%q is not an ARN of IVS Chat, which begins with arn:aws:ivschat", s)
	}
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) != 3 {
		return ARN{}, fmt.Errorf("%q lacks a region, an account or a resource", s)
	}
	kind, id, ok := strings.Cut(parts[2], "/")
	a := ARN{Region: parts[0], Account: parts[1], Type: ResourceType(kind), ID: id}
	switch {
	case !ok || (a.Type != RoomResource && a.Type != LoggingConfigurationResource):
		return ARN{}, fmt.Errorf("%q names neither a room/… nor a logging-configuration/…", s)
	case !only(a.Region, "abcdefghijklmnopqrstuvwxyz0123456789-"):
		return ARN{}, fmt.Errorf("%q has no valid region", s)
	case !only(a.Account, "0123456789"):
		return ARN{}, fmt.Errorf("%q has no valid account", s)
	case !only(a.ID, idAlphabet+"-"):
		return ARN{}, fmt.Errorf("%q has no valid id", s)
	}
	return a, nil
}

// only reports whether s is not empty and contains only the letters of alphabet.
func only(s, alphabet string) bool {
	return s != "" && strings.Trim(s, alphabet) == ""
}
