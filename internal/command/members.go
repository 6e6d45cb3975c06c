package command

import (
	"reflect"
	"strings"
	"time"

	"confab/internal/chat"
)

// Object is a resource with the names of the API's members.
type Object = map[string]any

// Members returns an answer of the API with the names of its members. The SDK's types do
// not have them: they begin with a small letter, times are ISO 8601, and unions are
// objects of one member.
func Members(v any) Object {
	o, _ := memberOf(reflect.ValueOf(v)).(Object)
	return o
}

// Objects returns the Members of each item of a list.
func Objects[T any](list []T) []Object {
	all := make([]Object, len(list))
	for i := range list {
		all[i] = Members(list[i])
	}
	return all
}

func memberOf(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if t, ok := reflect.TypeAssert[*time.Time](v); ok {
			return chat.FormatTime(*t)
		}
		if _, union, ok := strings.Cut(v.Elem().Type().Name(), "Member"); ok && v.Elem().Kind() == reflect.Struct {
			return Object{memberName(union): memberOf(v.Elem().FieldByName("Value"))}
		}
		return memberOf(v.Elem())
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return chat.FormatTime(t)
		}
		o := Object{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || f.Name == "ResultMetadata" || name == "-" {
				continue
			}
			if name == "" {
				name = memberName(f.Name)
			}
			if strings.Contains(options, "omitzero") && v.Field(i).IsZero() {
				continue
			}
			if m := memberOf(v.Field(i)); m != nil {
				o[name] = m
			}
		}
		return o
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = memberOf(v.Index(i))
		}
		return list
	case reflect.Map:
		o := Object{}
		for k, e := range v.Seq2() {
			o[k.String()] = memberOf(e)
		}
		return o
	case reflect.String:
		if v.String() == "" && v.Type() != reflect.TypeFor[string]() {
			return nil // An enum that was not there.
		}
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Invalid:
		return nil
	default:
		return v.Interface()
	}
}

func memberName(s string) string { return strings.ToLower(s[:1]) + s[1:] }
