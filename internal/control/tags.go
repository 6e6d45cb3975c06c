package control

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
)

// tagKeyRule and tagValueRule are the API model's. The allowed characters and the
// reserved prefix aws: are from the guide on tagging AWS resources.
var (
	tagKeyRule   = api.NewRule(1, 128, "")
	tagValueRule = api.NewRule(0, 256, "")
)

// checkTags checks the tags of a request.
func checkTags(v *api.Violations, tags map[string]string) {
	if len(tags) > chat.MaxTags {
		v.Add("tags", "must have at most %d entries, these are %d", chat.MaxTags, len(tags))
		return
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if broken := tagKeyRule.Broken(k); broken != "" {
			v.Add("tags", "the key %.64q %s", k, broken)
		} else if reserved(k) {
			v.Add("tags", "the key %.64q begins with aws:, which is reserved", k)
		} else if !taggable(k) {
			v.Add("tags", "the key %.64q must be made of letters, digits, spaces and + - = . _ : / @", k)
		}
		if broken := tagValueRule.Broken(tags[k]); broken != "" {
			v.Add("tags", "the value of %.64q %s", k, broken)
		} else if !taggable(tags[k]) {
			v.Add("tags", "the value of %.64q must be made of letters, digits, spaces and + - = . _ : / @", k)
		}
	}
}

// checkTagKeys checks the keys that UntagResource removes.
func checkTagKeys(v *api.Violations, keys []string) {
	if len(keys) == 0 {
		v.Add("tagKeys", "is required")
	}
	if len(keys) > chat.MaxTags {
		v.Add("tagKeys", "must have at most %d items, these are %d", chat.MaxTags, len(keys))
		return
	}
	for _, k := range keys {
		if broken := tagKeyRule.Broken(k); broken != "" {
			v.Add("tagKeys", "the key %.64q %s", k, broken)
		}
	}
}

// checkTaggedARN checks the resourceArn of the three tag operations, which is that of a
// room or a logging configuration.
func checkTaggedARN(v *api.Violations, s *string) chat.ARN {
	if s == nil || *s == "" {
		v.Add("resourceArn", "is required")
		return chat.ARN{}
	}
	a, err := chat.ParseARN(*s)
	if err != nil {
		v.Add("resourceArn", "must be the ARN of a room or a logging configuration: %v", err)
	}
	return a
}

// checkRoomTags checks the tags of a request for a room. Those that set what Confab adds
// are checked as settings, too.
func (s *Service) checkRoomTags(v *api.Violations, tags map[string]string) {
	checkTags(v, tags)
	if !s.Extensions || len(tags) > chat.MaxTags {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if err := chat.CheckExtensionTag(k, tags[k]); err != nil {
			v.Add("tags", "%v", err)
		}
	}
}

// authorizeConfigure checks the permission to set or remove what Confab adds to a room,
// if one of the tags does.
func (s *Service) authorizeConfigure(ctx context.Context, room chat.ARN, keys iam.Keys, tags iter.Seq[string]) error {
	if !s.Extensions || room.Type != chat.RoomResource {
		return nil
	}
	for k := range tags {
		if strings.HasPrefix(k, chat.ExtensionTag) {
			return iam.CallFrom(ctx).Authorize("confab:ConfigureRoom", room, keys)
		}
	}
	return nil
}

// reserved reports whether the key is one of AWS's own.
func reserved(key string) bool {
	return len(key) >= 4 && strings.EqualFold(key[:4], "aws:")
}

func taggable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("+-=._:/@", r)
	}) < 0
}

// tagsOrEmpty returns tags for an answer: {} when there are none.
func tagsOrEmpty(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}
