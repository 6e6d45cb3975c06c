package api

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"confab/internal/chat"
)

// MemberRule is the rule tag of an input's member, words with spaces between them:
//
//	required    the member must be there
//	room        it is the ARN of a room
//	time        it is a time, ISO 8601
//	1..128      a string has from 1 to 128 characters, a number is from 1 to 128,
//	            a list or a map has from 1 to 128 items
//	A|B|C       it is one of these words
type MemberRule struct {
	Required, Room, Time bool
	// Bounded is set if Min and Max are.
	Bounded  bool
	Min, Max int
	Words    []string
}

// ParseMemberRule reads a rule tag. It panics if the tag is wrong.
func ParseMemberRule(tag string) MemberRule {
	var r MemberRule
	for word := range strings.FieldsSeq(tag) {
		least, most, bounds := strings.Cut(word, "..")
		switch {
		case word == "required":
			r.Required = true
		case word == "room":
			r.Room = true
		case word == "time":
			r.Time = true
		case bounds:
			var err1, err2 error
			r.Min, err1 = strconv.Atoi(least)
			r.Max, err2 = strconv.Atoi(most)
			if r.Bounded = true; err1 != nil || err2 != nil {
				panic("api: the bounds in the rule " + tag + " are no numbers")
			}
		case strings.Contains(word, "|"):
			r.Words = strings.Split(word, "|")
		default:
			panic("api: the rule " + tag + " has the unknown word " + word)
		}
	}
	return r
}

// member is one member of an input.
type member struct {
	index int
	name  string
	rule  MemberRule
}

// members caches the members of each type of input.
var members sync.Map // of []member by reflect.Type

func membersOf(t reflect.Type) []member {
	if known, ok := members.Load(t); ok {
		return known.([]member) //nolint:forcetypeassert // Nothing else is stored.
	}
	var all []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, member{i, name, ParseMemberRule(f.Tag.Get("rule"))})
	}
	members.Store(t, all)
	return all
}

// Members checks all members of an input, which is a pointer to a struct, by their rule
// tags, also those of structures in it. Optional strings, numbers and structures are
// pointers.
func (v *Violations) Members(in any) {
	s := reflect.ValueOf(in).Elem()
	for _, m := range membersOf(s.Type()) {
		value := s.Field(m.index)
		if value.IsNil() {
			if m.rule.Required {
				v.Add(m.name, "is required")
			}
			continue
		}
		if value.Kind() == reflect.Pointer && value.Elem().Kind() == reflect.Struct {
			v.Members(value.Interface())
			continue
		}
		if wrong := m.rule.broken(value.Interface()); wrong != "" {
			v.Add(m.name, "%s", wrong)
		}
	}
}

// broken returns how a value breaks the rule; "" if it does not.
func (r MemberRule) broken(value any) string {
	switch value := value.(type) {
	case *string:
		return r.brokenString(*value)
	case *int32:
		if r.Bounded && (int(*value) < r.Min || int(*value) > r.Max) {
			return fmt.Sprintf("must be from %d to %d, this is %d", r.Min, r.Max, *value)
		}
	case *int64:
		if r.Bounded && (*value < int64(r.Min) || *value > int64(r.Max)) {
			return fmt.Sprintf("must be from %d to %d, this is %d", r.Min, r.Max, *value)
		}
	case []string:
		if r.Bounded && (len(value) < r.Min || len(value) > r.Max) {
			return fmt.Sprintf("must have from %d to %d items, this has %d", r.Min, r.Max, len(value))
		}
	case map[string]string:
		for k, s := range value {
			if !utf8.ValidString(k) || !utf8.ValidString(s) {
				return "must be valid UTF-8"
			}
		}
	}
	return ""
}

func (r MemberRule) brokenString(s string) string {
	switch {
	case r.Room:
		if a, err := chat.ParseARN(s); err != nil {
			return fmt.Sprintf("must be the ARN of a room, arn:aws:ivschat:<region>:<account>:room/<id>: %v", err)
		} else if a.Type != chat.RoomResource {
			return "must be the ARN of a room, this is one of a " + string(a.Type)
		}
	case r.Time:
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return fmt.Sprintf("must be a time such as 2026-01-31T12:00:00Z, this is %.64q", s)
		}
	case r.Words != nil:
		if !slices.Contains(r.Words, s) {
			return fmt.Sprintf("must be one of %s, this is %.64q", strings.Join(r.Words, ", "), s)
		}
	case r.Bounded:
		return Rule{min: r.Min, max: r.Max}.Broken(s)
	}
	return ""
}
