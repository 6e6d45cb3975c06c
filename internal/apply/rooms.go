package apply

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
)

// rooms has the ARNs of the rooms that other objects may name, by name.
type rooms map[string]string

// What rooms has for those without one ARN.
const (
	made    = "made by the plan"
	several = "several rooms"
)

// know fills in the rooms of the server, and those that the plan makes.
func (r rooms) know(s *Set, all []types.RoomSummary) {
	for i := range all {
		name := aws.ToString(all[i].Name)
		if r[name] != "" && r[name] != aws.ToString(all[i].Arn) {
			r[name] = several
			continue
		}
		r[name] = aws.ToString(all[i].Arn)
	}
	for i := range s.Rooms {
		if name := s.Rooms[i].Name; r[name] == "" {
			r[name] = made
		}
	}
}

// find returns the ARN of the room that an object names; made if the plan makes it.
func (r rooms) find(kind, label, named string) (string, error) {
	if strings.HasPrefix(named, "arn:") {
		return named, nil
	}
	switch arn := r[named]; arn {
	case "":
		return "", fmt.Errorf("the %s %q is of the room %q, which is neither in the file nor on the server", kind, label, named)
	case several:
		return "", fmt.Errorf("the %s %q is of the room %q, but several rooms have that name; use an ARN", kind, label, named)
	default:
		return arn, nil
	}
}

// identifier returns the ARN of a room once it exists; nil is every room.
func (r rooms) identifier(named string) *string {
	if named == "" {
		return nil
	}
	if arn := r[named]; arn != "" {
		return &arn
	}
	return &named
}

// identifiers returns the ARNs of rooms once they exist.
func (r rooms) identifiers(named []string) (arns []string) {
	for _, name := range named {
		arns = append(arns, *r.identifier(name))
	}
	return arns
}
