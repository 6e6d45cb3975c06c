package restjson

import (
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/chat"
)

// maxDepth is the nesting limit of objects and lists in a request. The deepest member
// of the API model is at depth 3.
const maxDepth = 32

// decoding are the rules of Decode in addition to the package's defaults, which
// already match names by case and refuse duplicate names.
var decoding = json.JoinOptions(
	json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *string) error {
		// An optional member is a pointer, so its null is not decoded here. This null
		// is an item of a list or a value of a map, which must not be null, or it
		// replaces a name, which the decoder refuses itself.
		in, n := dec.StackIndex(dec.StackDepth())
		name := in == jsontext.KindBeginObject && n%2 == 0
		if !name && dec.PeekKind() == jsontext.KindNull {
			return errors.New("must be a string, not null")
		}
		return errors.ErrUnsupported
	})),
)

// Decode reads a request body into v, a pointer to the input of an operation. Optional
// members of an input are pointers, lists and maps; null leaves them absent. Unknown
// members are ignored. An empty body is an input without members. Half of an escaped
// surrogate pair ("\ud83d") is read as U+FFFD; invalid UTF-8 is refused. The error is a
// SerializationException that names the member by its JSON pointer and describes what is
// allowed there.
func Decode(body []byte, v any) error {
	if len(body) == 0 {
		return nil
	}
	if !shallow(body) {
		return malformed("The request body is nested deeper than the %d levels that are allowed", maxDepth)
	}
	if k := jsontext.Value(body).Kind(); k == jsontext.KindNull || k == jsontext.KindBeginArray {
		return malformed("The request body must be a JSON object, not %s", kindNames[k])
	}
	// Half of a surrogate pair, as JavaScript writes a string that was cut inside an
	// emoji, is read as U+FFFD. The option would also accept invalid bytes, so it is
	// set only if there are none.
	err := json.Unmarshal(body, v, decoding, jsontext.AllowInvalidUTF8(utf8.Valid(body)))
	if err == nil {
		return nil
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return explain(semantic)
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(syntax.Err, jsontext.ErrDuplicateName) {
			return malformed("Member %s is given twice", syntax.JSONPointer)
		}
		return malformed("The request body is not valid JSON: %v at byte %d", syntax.Err, syntax.ByteOffset)
	}
	return malformed("The request body is not valid JSON: it ends too early")
}

// explain names the member that has the wrong type and its right type.
func explain(e *json.SemanticError) error {
	subject := "The request body"
	if e.JSONPointer != "" {
		subject = "Member " + string(e.JSONPointer)
	}
	if e.JSONKind == 0 && e.Err != nil {
		// A type's own rule, for example that unions have one member.
		return malformed("%s %v", subject, e.Err)
	}
	allowed := "null"
	switch t := e.GoType; {
	case t == nil:
	case t.Kind() == reflect.String:
		allowed = "a string"
	case t.Kind() == reflect.Int32:
		allowed = "a whole number from -2147483648 to 2147483647, written without fraction or exponent"
	case t.Kind() == reflect.Int64, t.Kind() == reflect.Int:
		allowed = "a whole number, written without fraction or exponent"
	case t.Kind() == reflect.Bool:
		allowed = "true or false"
	case t.Kind() == reflect.Slice:
		allowed = "a list"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		allowed = "an object"
	}
	given := kindNames[e.JSONKind]
	if e.JSONKind == jsontext.KindNumber && len(e.JSONValue) > 0 && len(e.JSONValue) < 40 {
		given = string(e.JSONValue)
	}
	return malformed("%s must be %s, not %s", subject, allowed, given)
}

var kindNames = map[jsontext.Kind]string{
	jsontext.KindNull: "null", jsontext.KindTrue: "true", jsontext.KindFalse: "false", jsontext.KindString: "a string",
	jsontext.KindNumber: "a number", jsontext.KindBeginObject: "an object", jsontext.KindBeginArray: "a list",
}

func malformed(format string, args ...any) error {
	return &chat.Error{Code: chat.Invalid, Name: "SerializationException", Message: fmt.Sprintf(format, args...)}
}

// shallow reports whether no value of body is nested deeper than maxDepth. It counts
// brackets outside of strings only; the decoder checks whether they match.
func shallow(body []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}
