package conformance

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The forms that the API model and captures show.
var (
	idForm   = regexp.MustCompile(`^[a-zA-Z0-9]{12}$`)
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$`)
)

// want checks the status and returns the body.
func (r *reply) want(t *testing.T, status int) m {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d; %s: %s%s", r.status, status, r.header.Get("X-Amzn-Errortype"), r.body, r.cause())
	}
	if len(r.body) == 0 {
		return nil
	}
	return r.object(t)
}

// cause returns the line that the suite's own server has logged about a request that it could not
// serve, if there is one. The answer does not tell the cause.
func (r *reply) cause() string {
	id := r.header.Get("X-Amzn-Requestid")
	if own == nil || r.status < http.StatusInternalServerError || id == "" {
		return ""
	}
	for line := range strings.Lines(own.Log()) {
		if strings.Contains(line, id) {
			return "\n" + line
		}
	}
	return ""
}

// wantEmpty checks the status and that there is no body.
func (r *reply) wantEmpty(t *testing.T, status int) {
	t.Helper()
	r.want(t, status)
	if len(r.body) != 0 {
		t.Errorf("body %q, want none", r.body)
	}
}

// wantError checks name, status and message of a refusal, and returns its body.
func (r *reply) wantError(t *testing.T, name string, status int) m {
	t.Helper()
	if got := r.errorName(); got != name || r.status != status {
		t.Fatalf("refused with %q %d, want %q %d; body %s%s", got, r.status, name, status, r.body, r.cause())
	}
	o := r.object(t)
	if text(t, o, "message") == "" {
		t.Errorf("the message is empty: %s", r.body)
	}
	return o
}

// errorName is the name as SDKs read it: up to a colon, behind a number sign.
func (r *reply) errorName() string {
	name, _, _ := strings.Cut(r.header.Get("X-Amzn-Errortype"), ":")
	return name[strings.LastIndex(name, "#")+1:]
}

// wantInvalid checks that the refusal is a ValidationException about the field.
func (r *reply) wantInvalid(t *testing.T, field string) {
	t.Helper()
	o := r.wantError(t, "ValidationException", http.StatusBadRequest)
	if got := o["reason"]; got != "FIELD_VALIDATION_FAILED" {
		t.Errorf("reason %v, want FIELD_VALIDATION_FAILED", got)
	}
	var body struct {
		FieldList []struct{ Name, Message string } `json:"fieldList"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatal(err)
	}
	for _, f := range body.FieldList {
		if f.Message == "" {
			t.Errorf("fieldList has no message for %s: %s", f.Name, r.body)
		}
		if slices.Contains(strings.FieldsFunc(f.Name, func(r rune) bool { return r == '.' || r == '[' || r == ']' }), field) {
			return
		}
	}
	t.Errorf("fieldList does not name %s: %s", field, r.body)
}

// wantMalformed checks that the body was refused before anything was read from it.
func (r *reply) wantMalformed(t *testing.T) {
	t.Helper()
	r.wantError(t, "SerializationException", http.StatusBadRequest)
}

// wantNotFound checks the members of a ResourceNotFoundException.
func (r *reply) wantNotFound(t *testing.T, resourceType, id string) {
	t.Helper()
	o := r.wantError(t, "ResourceNotFoundException", http.StatusNotFound)
	if o["resourceType"] != resourceType || o["resourceId"] != id {
		t.Errorf("resourceType %v, resourceId %v; want %s, %s", o["resourceType"], o["resourceId"], resourceType, id)
	}
}

// text returns the string member of o.
func text(t *testing.T, o m, member string) string {
	t.Helper()
	s, ok := o[member].(string)
	if !ok {
		t.Fatalf("member %s is %v, want a string; in %v", member, o[member], o)
	}
	return s
}

// instant returns the time member of o, a string with a fraction and Z.
func instant(t *testing.T, o m, member string) time.Time {
	t.Helper()
	s := text(t, o, member)
	if !timeForm.MatchString(s) {
		t.Errorf("%s is %q, want ISO 8601 in UTC with a fraction and Z", member, s)
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// wantMembers checks that o has exactly these members.
func wantMembers(t *testing.T, o m, members ...string) {
	t.Helper()
	slices.Sort(members)
	if diff := cmp.Diff(members, slices.Sorted(maps.Keys(o))); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// wantValue checks a member with go-cmp; numbers are float64.
func wantValue(t *testing.T, o m, member string, want any) {
	t.Helper()
	if diff := cmp.Diff(want, o[member]); diff != "" {
		t.Errorf("%s (-want +got):\n%s", member, diff)
	}
}

// operation is one operation whose members a table tries one by one.
type operation struct {
	name string
	// base is a request that is accepted, without the member under test.
	base m
	// status is that of success; 200 when zero.
	status int
}

// trial is one value of a member and what comes of it.
type trial struct {
	name  string
	value any
	want  func(t *testing.T, r *reply, success int, member string)
}

// missing as a value leaves the member out.
type missing struct{}

// ok is a value that is accepted.
func ok(name string, value any) trial {
	return trial{name + " is accepted", value, func(t *testing.T, r *reply, success int, _ string) {
		t.Helper()
		r.want(t, success)
	}}
}

// no is a value that is refused by a ValidationException about the member, or
// about the one inside it that is named.
func no(name string, value any, inside ...string) trial {
	return trial{name + " is refused", value, func(t *testing.T, r *reply, _ int, member string) {
		t.Helper()
		if len(inside) > 0 {
			member = inside[0]
		}
		r.wantInvalid(t, member)
	}}
}

// wrong is a value of another type.
func wrong(name string, value any) trial {
	return trial{name + " is malformed", value, func(t *testing.T, r *reply, _ int, _ string) {
		t.Helper()
		r.wantMalformed(t)
	}}
}

// unknown is a well-formed ARN of nothing.
func unknown(name string, value any, resourceType, id string) trial {
	return trial{name + " is not found", value, func(t *testing.T, r *reply, _ int, _ string) {
		t.Helper()
		r.wantNotFound(t, resourceType, id)
	}}
}

// member tries values of one member.
func (o operation) member(t *testing.T, member string, trials ...trial) {
	t.Helper()
	group(t, member, func(t *testing.T) {
		for _, tr := range trials {
			check(t, tr.name, func(t *testing.T) {
				request := maps.Clone(o.base)
				if request == nil {
					request = m{}
				}
				if _, none := tr.value.(missing); none {
					delete(request, member)
				} else {
					request[member] = tr.value
				}
				success := o.status
				if success == 0 {
					success = http.StatusOK
				}
				tr.want(t, call(t, o.name, request), success, member)
			})
		}
	})
}

// letters returns n letters.
func letters(n int) string { return strings.Repeat("a", n) }
