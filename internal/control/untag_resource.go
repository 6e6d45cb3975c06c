package control

import (
	"context"
	"net/url"
	"slices"

	"confab/internal/api"
	"confab/internal/iam"
)

// UntagResourceInput is what UntagResource takes; ResourceARN, which is in
// the path, and TagKeys, which are in the query, are required.
type UntagResourceInput struct {
	ResourceARN *string  `json:"-"`
	TagKeys     []string `json:"-"`
}

// Bind takes the members that are not in the body.
func (in *UntagResourceInput) Bind(resource string, query url.Values) {
	in.ResourceARN, in.TagKeys = &resource, query["tagKeys"]
}

// UntagResourceOutput has no members; it is sent as {}.
type UntagResourceOutput struct{}

// UntagResource removes tags from a room or a logging configuration. It ignores keys
// that the resource does not have.
func (s *Service) UntagResource(ctx context.Context, in *UntagResourceInput) (*UntagResourceOutput, error) {
	var v api.Violations
	arn := checkTaggedARN(&v, in.ResourceARN)
	checkTagKeys(&v, in.TagKeys)
	if err := v.Err(); err != nil {
		return nil, err
	}
	keys := iam.Keys{TagKeys: in.TagKeys}
	tags, err := s.tags(ctx, "UntagResource", arn, keys)
	if err != nil {
		return nil, err
	}
	keys.ResourceTags = tags
	if err := s.authorizeConfigure(ctx, arn, keys, slices.Values(in.TagKeys)); err != nil {
		return nil, err
	}
	err = s.Store.ChangeTags(ctx, arn, func(tags map[string]string) error {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.changed(ctx, arn)
	return &UntagResourceOutput{}, nil
}
