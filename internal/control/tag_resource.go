package control

import (
	"context"
	"maps"
	"net/url"

	"confab/internal/chat"
	"confab/internal/iam"
)

// TagResourceInput is what TagResource takes; ResourceARN, which is in the
// path, and Tags are required.
type TagResourceInput struct {
	ResourceARN *string           `json:"-"`
	Tags        map[string]string `json:"tags"`
}

func (in *TagResourceInput) bind(resource string, _ url.Values) { in.ResourceARN = &resource }

// TagResourceOutput has no members; it is sent as {}.
type TagResourceOutput struct{}

// TagResource adds tags to a room or a logging configuration and overwrites those
// with the same keys. If there would be too many, nothing is changed.
func (s *Service) TagResource(ctx context.Context, in *TagResourceInput) (*TagResourceOutput, error) {
	var v violations
	arn := v.taggedARN(in.ResourceARN)
	if in.Tags == nil {
		v.add("tags", "is required")
	}
	v.tags(in.Tags)
	if err := v.err(); err != nil {
		return nil, err
	}
	if _, err := s.tags(ctx, "TagResource", arn, iam.Keys{RequestTags: in.Tags}); err != nil {
		return nil, err
	}
	err := s.Store.ChangeTags(ctx, arn, func(tags map[string]string) error {
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
