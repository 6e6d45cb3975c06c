package extension

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/api"
	"confab/internal/operation"
)

var update = flag.Bool("update", false, "write service-2.json and docs/extension-operations.md anew")

// TestDescription holds the service model and the reference against the operations, the
// types of their members, and the comments.
func TestDescription(t *testing.T) {
	d := description{comments: readComments(t), operations: new(Service).operations()}
	for name, want := range map[string][]byte{
		"service-2.json":                     d.model(t),
		"../../docs/extension-operations.md": d.reference(t),
	} {
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s does not say what the operations and their comments say (%v); run go generate ./internal/extension", name, err)
		}
	}
}

// description is what the source says of the operations.
type description struct {
	comments   map[string]string // by Type, Type.Field or Method
	operations []operation.Operation
}

// readComments returns the comments of the packages' types, fields and methods.
func readComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../*ops/*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, file := range files {
		src, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(src, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GenDecl:
				for _, spec := range n.Specs {
					readType(comments, spec, n.Doc)
				}
			case *ast.FuncDecl:
				if n.Recv != nil {
					comments[n.Name.Name] = oneLine(n.Doc)
				}
				return false
			}
			return true
		})
	}
	return comments
}

func readType(comments map[string]string, spec ast.Spec, doc *ast.CommentGroup) {
	typ, ok := spec.(*ast.TypeSpec)
	if !ok {
		return
	}
	comments[typ.Name.Name] = oneLine(doc)
	if s, ok := typ.Type.(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				comments[typ.Name.Name+"."+name.Name] = oneLine(f.Doc)
			}
		}
	}
}

func oneLine(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

// comment returns the comment of a name. Without one, the test fails.
func (d *description) comment(t *testing.T, name string) string {
	t.Helper()
	c := d.comments[name]
	if c == "" {
		t.Errorf("%s has no comment, which is its documentation", name)
	}
	return c
}

// about returns what an operation's comment says after its name: "returns …".
func (d *description) about(t *testing.T, o *operation.Operation) string {
	t.Helper()
	c := strings.TrimPrefix(d.comment(t, o.Name), o.Name+" ")
	return strings.ToUpper(c[:1]) + c[1:]
}

// errors are those that every operation may answer with, in the order of their statuses.
var exceptions = []struct {
	name   string
	status int
	about  string
	fields []string
}{
	{"ValidationException", 400, "The request breaks a rule; fieldList names the members.", []string{"reason", "fieldList"}},
	{"AccessDeniedException", 403, "The caller's policies do not allow the request.", nil},
	{"ResourceNotFoundException", 404, "A resource does not exist.", []string{"resourceId", "resourceType"}},
	{"ConflictException", 409, "A resource exists already, or is in use.", []string{"resourceId", "resourceType"}},
	{"ServiceQuotaExceededException", 402, "A quota on resources is used up.", []string{"resourceId", "resourceType", "limit"}},
	{"ThrottlingException", 429, "The calls come faster than a quota allows.", []string{"resourceId", "resourceType", "limit"}},
	{"ServiceUnavailableException", 503, "What is needed cannot be reached; try again.", nil},
	{"InternalServerException", 500, "The service failed; its log has the cause.", nil},
}

// shapes are the shapes of a service model, by their names.
type shapes map[string]any

type object = map[string]any

// model returns the service model in the form of botocore.
func (d *description) model(t *testing.T) []byte {
	t.Helper()
	all := shapes{
		"String":      object{"type": "string"},
		"ErrorFields": object{"type": "list", "member": object{"shape": "ErrorField"}},
		"ErrorField": object{
			"type": "structure", "required": []string{"name", "message"},
			"members": object{"name": object{"shape": "String"}, "message": object{"shape": "String"}},
		},
		"Integer": object{"type": "integer"},
	}
	var refs []any
	for _, e := range exceptions {
		members := object{"message": object{"shape": "String"}}
		for _, f := range e.fields {
			switch f {
			case "fieldList":
				members[f] = object{"shape": "ErrorFields"}
			case "limit":
				members[f] = object{"shape": "Integer"}
			default:
				members[f] = object{"shape": "String"}
			}
		}
		shape := object{
			"type": "structure", "members": members, "documentation": html(e.about), "exception": true,
			"error": object{"httpStatusCode": e.status, "senderFault": e.status < 500},
		}
		if e.status >= 500 {
			shape["fault"] = true
		}
		all[e.name] = shape
		refs = append(refs, object{"shape": e.name})
	}
	operations := object{}
	for i := range d.operations {
		o := &d.operations[i]
		operations[o.Name] = object{
			"name":          o.Name,
			"http":          object{"method": "POST", "requestUri": o.Path, "responseCode": 200},
			"input":         object{"shape": d.structure(t, all, o.Input)},
			"output":        object{"shape": d.structure(t, all, o.Output)},
			"errors":        refs,
			"documentation": html(d.about(t, o)),
		}
	}
	model, err := json.Marshal(object{
		"version": "2.0",
		"metadata": object{
			"apiVersion": "2026-12-01", "auth": []string{"aws.auth#sigv4"}, "endpointPrefix": "ivschat", "protocol": "rest-json", "protocols": []string{"rest-json"},
			"serviceFullName": "Confab", "serviceId": "Confab", "signatureVersion": "v4", "signingName": "ivschat", "uid": "confab-2026-12-01", "jsonVersion": "1.1",
		},
		"operations":    operations,
		"shapes":        all,
		"documentation": html("The operations that Confab adds to those of Amazon IVS Chat."),
	}, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	return append(model, '\n')
}

// html is text in the form that service models have.
func html(text string) string {
	return "<p>" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text) + "</p>"
}

// structure adds the shape of a struct and returns its name.
func (d *description) structure(t *testing.T, all shapes, s reflect.Type) string {
	t.Helper()
	members, required := object{}, []string{}
	for _, m := range fieldsOf(s) {
		name := d.shape(t, all, m.field.Type, m.rule, m.field.Name)
		members[m.name] = object{"shape": name, "documentation": html(d.comment(t, s.Name()+"."+m.field.Name))}
		if m.rule.Required {
			required = append(required, m.name)
		}
	}
	shape := object{"type": "structure", "members": members}
	if len(required) > 0 {
		shape["required"] = required
	}
	if c := d.comments[s.Name()]; c != "" && !strings.HasSuffix(s.Name(), "Input") && !strings.HasSuffix(s.Name(), "Output") {
		shape["documentation"] = html(c)
	}
	all[s.Name()] = shape
	return s.Name()
}

type field struct {
	field reflect.StructField
	name  string
	rule  api.MemberRule
}

func fieldsOf(s reflect.Type) []field {
	var all []field
	for f := range s.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, field{f, name, api.ParseMemberRule(f.Tag.Get("rule"))})
	}
	return all
}

// shape adds the shape of a member's type and returns its name.
func (d *description) shape(t *testing.T, all shapes, typ reflect.Type, rule api.MemberRule, name string) string {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	shape := object{}
	switch typ.Kind() {
	case reflect.Struct:
		return d.structure(t, all, typ)
	case reflect.Slice:
		member := d.shape(t, all, typ.Elem(), api.MemberRule{}, name)
		name, shape["type"], shape["member"] = member+"List", "list", object{"shape": member}
	case reflect.Map:
		value := d.shape(t, all, typ.Elem(), api.MemberRule{}, name)
		name, shape["type"], shape["key"], shape["value"] = value+"Map", "map", object{"shape": "String"}, object{"shape": value}
	case reflect.Int32, reflect.Int, reflect.Int64:
		if shape["type"] = "integer"; typ.Kind() != reflect.Int32 {
			shape["type"] = "long"
		}
		if !rule.Bounded {
			name = map[any]string{"integer": "Integer", "long": "Long"}[shape["type"]]
		}
	case reflect.Float64:
		name, shape["type"] = "Double", "double"
	case reflect.Bool:
		name, shape["type"] = "Boolean", "boolean"
	case reflect.String:
		shape["type"] = "string"
		switch {
		case rule.Room:
			name, shape["max"], shape["min"], shape["pattern"] = "RoomIdentifier", 128, 0, "arn:aws:ivschat:[a-z0-9-]+:[0-9]+:room/[a-zA-Z0-9-]+"
		case rule.Time:
			name, shape["type"], shape["timestampFormat"] = "Time", "timestamp", "iso8601"
		case rule.Words != nil:
			shape["enum"] = rule.Words
		case !rule.Bounded:
			return "String"
		}
	default:
		t.Fatalf("the type %s has no shape", typ)
	}
	if rule.Bounded {
		shape["min"], shape["max"] = rule.Min, rule.Max
		if typ.Kind() == reflect.Slice {
			name = fmt.Sprint(name, "Upto", rule.Max)
			if s := all[name]; s != nil && !reflect.DeepEqual(s, shape) {
				name = fmt.Sprint(name, "From", rule.Min)
			}
		}
	}
	if known, ok := all[name]; ok && !reflect.DeepEqual(known, shape) {
		t.Errorf("two members are the shape %s, with different rules", name)
	}
	all[name] = shape
	return name
}

// reference returns docs/extension-operations.md.
func (d *description) reference(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(referenceIntroduction)
	described := map[string]bool{}
	for i := range d.operations {
		o := &d.operations[i]
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", o.Name, wrap(d.about(t, o)))
		d.table(t, &b, "Input", o.Input)
		nested := d.table(t, &b, "Output", o.Output)
		for len(nested) > 0 {
			s := nested[0]
			nested = nested[1:]
			if !described[s.Name()] {
				described[s.Name()] = true
				nested = append(nested, d.table(t, &b, s.Name(), s)...)
			}
		}
	}
	b.WriteString(referenceErrors)
	for _, e := range exceptions {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", e.name, e.status, e.about)
	}
	return b.Bytes()
}

const referenceIntroduction = `<!-- Generated from the operations by go generate ./internal/extension. -->

# Operations that Confab adds

For developers: the operations that Confab has in addition to the 17 of Amazon IVS Chat. They are at
` + "`POST /_confab/v1/<Operation>`" + `, use restJson1, and are signed in the same way (Signature Version 4, service ` + "`ivschat`" + `).
The IAM action is ` + "`confab:<Operation>`" + `. Errors, pages, times, CORS and quotas work as in the 17 operations.
` + "`--extensions off`" + ` switches them off.

The AWS CLI and boto3 call them with Confab's service model:

` + "```sh example" + `
confab model > service-2.json
aws configure add-model --service-name confab --service-model file://service-2.json
AWS_ENDPOINT_URL_CONFAB=http://127.0.0.1:8080 aws confab get-server
` + "```" + `

The model is also at ` + "`GET /_confab/v1/service-2.json`" + `, without a signature.
`

const referenceErrors = `
## Errors

Every operation may answer with these.

| Exception | Status | When |
| --- | --- | --- |
`

// table writes the members of a struct, and returns the structs that they have.
func (d *description) table(t *testing.T, b *bytes.Buffer, title string, s reflect.Type) (nested []reflect.Type) {
	t.Helper()
	members := fieldsOf(s)
	if len(members) == 0 {
		return nil
	}
	fmt.Fprintf(b, "\n**%s**\n\n| Member | Type | Meaning |\n| --- | --- | --- |\n", title)
	for _, m := range members {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", m.name, kind(m.field.Type, m.rule), strings.ReplaceAll(d.comment(t, s.Name()+"."+m.field.Name), "|", `\|`))
		e := m.field.Type
		for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, e.Kind()) {
			e = e.Elem()
		}
		if e.Kind() == reflect.Struct {
			nested = append(nested, e)
		}
	}
	return nested
}

// kind is the type and the rule of a member in words.
func kind(typ reflect.Type, rule api.MemberRule) string {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	var s string
	switch typ.Kind() {
	case reflect.Slice:
		s = "list of " + kind(typ.Elem(), api.MemberRule{})
	case reflect.Map:
		s = "map of " + kind(typ.Elem(), api.MemberRule{})
	case reflect.Struct:
		s = typ.Name()
	case reflect.Bool:
		s = "true or false"
	case reflect.String:
		s = "string"
	default:
		s = "number"
	}
	switch {
	case rule.Room:
		s = "ARN"
	case rule.Time:
		s = "time"
	case rule.Words != nil:
		s = "`" + strings.Join(rule.Words, "`, `") + "`"
	case rule.Bounded && typ.Kind() == reflect.String:
		s += fmt.Sprintf(" of %d to %d characters", rule.Min, rule.Max)
	case rule.Bounded:
		s += fmt.Sprintf(", %d to %d", rule.Min, rule.Max)
	}
	if rule.Required {
		s += ", required"
	}
	return s
}

// wrap breaks text into lines of at most 118 characters.
func wrap(text string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 118 {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
