package operation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/quota"
)

// Rooms reads rooms: *store.DB.
type Rooms interface {
	// Room returns chat.NotFound for a room that does not exist.
	Room(ctx context.Context, id string) (*chat.Room, error)
}

// Access finds the rooms that operations name, and authorizes callers on them. All services
// of operations share one, because it counts the calls of chat tokens.
type Access struct {
	Region, Account string
	Rooms           Rooms
	Now             func() time.Time

	mu      sync.Mutex               // guards buckets
	buckets map[string]*quota.Bucket // of chat tokens, by room, user and address
}

// Room returns the room of a roomIdentifier if the caller is allowed the actions on it.
// Callers who are not allowed them do not learn whether it exists.
func (a *Access) Room(ctx context.Context, identifier string, actions ...string) (*chat.Room, error) {
	arn, err := chat.ParseARN(identifier)
	if err != nil {
		return nil, err // The rule of the member refuses it earlier.
	}
	var room *chat.Room
	found := error(chat.NoSuchResource(arn))
	if arn.Region == a.Region && arn.Account == a.Account {
		if room, found = a.Rooms.Room(ctx, arn.ID); found != nil && chat.CodeOf(found) != chat.NotFound {
			return nil, found
		}
	}
	var keys iam.Keys
	if found == nil {
		keys.ResourceTags = room.Tags
	}
	for _, action := range actions {
		if err := iam.CallFrom(ctx).Authorize("confab:"+action, arn, keys); err != nil {
			return nil, err
		}
	}
	return room, found
}

// Moderated is like Room, for operations that also accept a chat token: it must be of this
// room and have the capability. Errors are AccessDenied otherwise, and Throttled above
// readsPerSecond calls of the user from one address.
func (a *Access) Moderated(ctx context.Context, identifier string, capability chat.Capability, actions ...string) (*chat.Room, error) {
	token := iam.CallFrom(ctx).Principal.Token
	if token == nil {
		return a.Room(ctx, identifier, actions...)
	}
	if token.Room.String() != identifier {
		return nil, chat.Errorf(chat.AccessDenied, "The chat token is for another room")
	}
	if !token.Can(capability) {
		return nil, chat.Errorf(chat.AccessDenied, "The chat token does not carry the capability %s", capability)
	}
	if err := a.AllowBearer(ctx); err != nil {
		return nil, err
	}
	return a.Rooms.Room(ctx, token.Room.ID)
}

// RoomOrEvery returns the id of the room that an operation names, or "" for every room, if
// the caller is allowed the action there. Only signed callers may name every room.
func (a *Access) RoomOrEvery(ctx context.Context, identifier *string, action string) (string, error) {
	if identifier != nil {
		room, err := a.Moderated(ctx, *identifier, chat.DisconnectUser, action)
		if err != nil {
			return "", err
		}
		return room.ARN.ID, nil
	}
	if iam.CallFrom(ctx).Principal.Token != nil {
		return "", chat.Errorf(chat.AccessDenied, "A chat token stands for the signature in its own room only: name it as roomIdentifier")
	}
	return "", iam.CallFrom(ctx).Authorize("confab:"+action, a.EveryRoom(), iam.Keys{})
}

// RoomARN returns the ARN of a room.
func (a *Access) RoomARN(id string) chat.ARN {
	return chat.ARN{Region: a.Region, Account: a.Account, Type: chat.RoomResource, ID: id}
}

// EveryRoom returns the resource for IAM policies of operations on all rooms.
func (a *Access) EveryRoom() chat.ARN { return a.RoomARN("*") }

const (
	// readsPerSecond is how many calls a second a user may make with chat tokens from one
	// address.
	readsPerSecond = 5
	// maxBuckets bounds the memory for these rates. Beyond it, all of them start again.
	maxBuckets = 1 << 16
)

// AllowBearer counts a call with a chat token. It returns chat.Throttled above
// readsPerSecond.
func (a *Access) AllowBearer(ctx context.Context) error {
	call := iam.CallFrom(ctx)
	token := call.Principal.Token
	if a.allow(token.Room.ID + "/" + token.UserID + " " + call.SourceIP.String()) {
		return nil
	}
	return &chat.Error{
		Code: chat.Throttled, Resource: token.Room, Limit: readsPerSecond,
		Message: fmt.Sprintf("Rate exceeded: a chat token may make %d requests a second", readsPerSecond),
	}
}

func (a *Access) allow(who string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.buckets[who]
	if b == nil {
		if a.buckets == nil || len(a.buckets) >= maxBuckets {
			a.buckets = make(map[string]*quota.Bucket)
		}
		b = new(quota.NewBucket(readsPerSecond))
		a.buckets[who] = b
	}
	return b.Allow(a.Now())
}
