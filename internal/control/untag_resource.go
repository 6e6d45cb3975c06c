package control

import (
	"context"
	"net/url"

	"confab/internal/iam"
)

// UntagResourceInput is what UntagResource takes; ResourceARN, which is in
// the path, and TagKeys, which are in the query, are required.
type UntagResourceInput struct {
	ResourceARN *string  `json:"-"`
	TagKeys     []string `json:"-"`
}

func (in *UntagResourceInput) bind(resource string, query url.Values) {
	in.ResourceARN, in.TagKeys = &resource, query["tagKeys"]
}

// UntagResourceOutput has no members; it is sent as {}.
type UntagResourceOutput struct{}

// UntagResource removes tags from a room or a logging configuration. It ignores keys
// that the resource does not have.
func (s *Service) UntagResource(ctx context.Context, in *UntagResourceInput) (*UntagResourceOutput, error) {
	var v violations
	arn := v.taggedARN(in.ResourceARN)
	v.tagKeys(in.TagKeys)
	if err := v.err(); err != nil {
		return nil, err
	}
	if _, err := s.tags(ctx, "UntagResource", arn, iam.Keys{TagKeys: in.TagKeys}); err != nil {
		return nil, err
	}
	err := s.Store.ChangeTags(ctx, arn, func(tags map[string]string) error {
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
