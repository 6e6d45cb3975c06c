package control

import (
	"context"
	"maps"
	"net/url"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
)

// TagResourceInput is what TagResource takes; ResourceARN, which is in the
// path, and Tags are required.
type TagResourceInput struct {
	ResourceARN *string           `json:"-"`
	Tags        map[string]string `json:"tags"`
}

// Bind takes the members that are not in the body.
func (in *TagResourceInput) Bind(resource string, _ url.Values) { in.ResourceARN = &resource }

// TagResourceOutput has no members; it is sent as {}.
type TagResourceOutput struct{}

// TagResource adds tags to a room or a logging configuration and overwrites those
// with the same keys. If there would be too many, nothing is changed.
func (s *Service) TagResource(ctx context.Context, in *TagResourceInput) (*TagResourceOutput, error) {
	var v api.Violations
	arn := checkTaggedARN(&v, in.ResourceARN)
	if in.Tags == nil {
		v.Add("tags", "is required")
	}
	if arn.Type == chat.RoomResource {
		s.checkRoomTags(&v, in.Tags)
	} else {
		checkTags(&v, in.Tags)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	keys := iam.Keys{RequestTags: in.Tags}
	tags, err := s.tags(ctx, "TagResource", arn, keys)
	if err != nil {
		return nil, err
	}
	keys.ResourceTags = tags
	if err := s.authorizeConfigure(ctx, arn, keys, maps.Keys(in.Tags)); err != nil {
		return nil, err
	}
	err = s.Store.ChangeTags(ctx, arn, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		if len(tags) > chat.MaxTags {
			return chat.InvalidField("tags", "the resource would have %d tags, at most %d are allowed", len(tags), chat.MaxTags)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.changed(ctx, arn)
	return &TagResourceOutput{}, nil
}
