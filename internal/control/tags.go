package control

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"confab/internal/chat"
)

// tagKeyRule and tagValueRule are the API model's. The allowed characters and the
// reserved prefix aws: are from the guide on tagging AWS resources.
var (
	tagKeyRule   = newRule(1, 128, "")
	tagValueRule = newRule(0, 256, "")
)

// tags checks the tags of a request.
func (v *violations) tags(tags map[string]string) {
	if len(tags) > chat.MaxTags {
		v.add("tags", "must have at most %d entries, these are %d", chat.MaxTags, len(tags))
		return
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if broken := tagKeyRule.broken(k); broken != "" {
			v.add("tags", "the key %.64q %s", k, broken)
		} else if reserved(k) {
			v.add("tags", "the key %.64q begins with aws:, which is reserved", k)
		} else if !taggable(k) {
			v.add("tags", "the key %.64q must be made of letters, digits, spaces and + - = . _ : / @", k)
		}
		if broken := tagValueRule.broken(tags[k]); broken != "" {
			v.add("tags", "the value of %.64q %s", k, broken)
		} else if !taggable(tags[k]) {
			v.add("tags", "the value of %.64q must be made of letters, digits, spaces and + - = . _ : / @", k)
		}
	}
}

// tagKeys checks the keys that UntagResource removes.
func (v *violations) tagKeys(keys []string) {
	if len(keys) == 0 {
		v.add("tagKeys", "is required")
	}
	if len(keys) > chat.MaxTags {
		v.add("tagKeys", "must have at most %d items, these are %d", chat.MaxTags, len(keys))
		return
	}
	for _, k := range keys {
		if broken := tagKeyRule.broken(k); broken != "" {
			v.add("tagKeys", "the key %.64q %s", k, broken)
		}
	}
}

// taggedARN checks the resourceArn of the three tag operations, which is that of a
// room or a logging configuration.
func (v *violations) taggedARN(s *string) chat.ARN {
	if s == nil || *s == "" {
		v.add("resourceArn", "is required")
		return chat.ARN{}
	}
	a, err := chat.ParseARN(*s)
	if err != nil {
		v.add("resourceArn", "must be the ARN of a room or a logging configuration: %v", err)
	}
	return a
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
