package control

import (
	"context"
	"net/url"

	"confab/internal/api"
	"confab/internal/iam"
)

// ListTagsForResourceInput is what ListTagsForResource takes; ResourceARN, which is
// in the path, is required.
type ListTagsForResourceInput struct {
	ResourceARN *string `json:"-"`
}

// Bind takes the members that are not in the body.
func (in *ListTagsForResourceInput) Bind(resource string, _ url.Values) { in.ResourceARN = &resource }

// ListTagsForResourceOutput is the tags; {} when there are none.
type ListTagsForResourceOutput struct {
	Tags map[string]string `json:"tags"`
}

// ListTagsForResource returns the tags of a room or a logging configuration.
func (s *Service) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	var v api.Violations
	arn := checkTaggedARN(&v, in.ResourceARN)
	if err := v.Err(); err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, "ListTagsForResource", arn, iam.Keys{})
	if err != nil {
		return nil, err
	}
	return &ListTagsForResourceOutput{Tags: tagsOrEmpty(tags)}, nil
}
