package control

import (
	"context"

	"confab/internal/chat"
	"confab/internal/iam"
)

// authorize checks the caller's policies for one action on one resource.
func authorize(ctx context.Context, action string, resource chat.ARN, keys iam.Keys) error {
	return iam.CallFrom(ctx).Authorize("ivschat:"+action, resource, keys)
}

// authorizeAny is authorize for operations that create or list, which have no
// particular resource. The resource is the wildcard of the type, so that policies for
// room/* and for * both match.
func (s *Service) authorizeAny(ctx context.Context, action string, t chat.ResourceType, keys iam.Keys) error {
	return authorize(ctx, action, s.every(t), keys)
}

// every is the wildcard of all resources of a type.
func (s *Service) every(t chat.ResourceType) chat.ARN {
	return chat.ARN{Region: s.Region, Account: s.Account, Type: t, ID: "*"}
}

// authorizeCreate checks the permission to create a resource of the type and, if the
// request has tags, to tag it (Service Authorization Reference).
func (s *Service) authorizeCreate(ctx context.Context, action string, t chat.ResourceType, tags map[string]string) error {
	keys := iam.Keys{RequestTags: tags}
	if err := s.authorizeAny(ctx, action, t, keys); err != nil || len(tags) == 0 {
		return err
	}
	return s.authorizeAny(ctx, "TagResource", t, keys)
}

// permit decides on an action on a resource whose lookup returned found. The tags
// of a missing resource are unknown. Only callers whose policies allow the action
// without tags get NotFound.
func permit(ctx context.Context, action string, resource chat.ARN, keys iam.Keys, found error) error {
	if found != nil && chat.CodeOf(found) != chat.NotFound {
		return found
	}
	if err := authorize(ctx, action, resource, keys); err != nil {
		return err
	}
	return found
}

// ours returns an error if no resource of this name can exist here.
func (s *Service) ours(a chat.ARN) error {
	if a.Region != s.Region || a.Account != s.Account {
		return chat.NoSuchResource(a)
	}
	return nil
}

// room returns the room if the caller is allowed the action on it.
func (s *Service) room(ctx context.Context, action string, arn chat.ARN) (*chat.Room, error) {
	var room *chat.Room
	var keys iam.Keys
	err := s.ours(arn)
	if err == nil {
		room, err = s.Store.Room(ctx, arn.ID)
	}
	if err == nil {
		keys.ResourceTags = room.Tags
	}
	if err := permit(ctx, action, arn, keys, err); err != nil {
		return nil, err
	}
	return room, nil
}

// loggingConfiguration returns the logging configuration if the caller is allowed the
// action on it.
func (s *Service) loggingConfiguration(ctx context.Context, action string, arn chat.ARN) (*chat.LoggingConfiguration, error) {
	var config *chat.LoggingConfiguration
	var keys iam.Keys
	err := s.ours(arn)
	if err == nil {
		config, err = s.Store.LoggingConfiguration(ctx, arn.ID)
	}
	if err == nil {
		keys.ResourceTags = config.Tags
	}
	if err := permit(ctx, action, arn, keys, err); err != nil {
		return nil, err
	}
	return config, nil
}

// tags returns the tags of a resource of either type if the caller is allowed the
// action on it. keys are the condition keys of the request's own tags.
func (s *Service) tags(ctx context.Context, action string, arn chat.ARN, keys iam.Keys) (map[string]string, error) {
	err := s.ours(arn)
	if err == nil {
		keys.ResourceTags, err = s.Store.Tags(ctx, arn)
	}
	if err := permit(ctx, action, arn, keys, err); err != nil {
		return nil, err
	}
	return keys.ResourceTags, nil
}
