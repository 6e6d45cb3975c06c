package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestCORS(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example.com"
	preflight := func(t *testing.T, path, method, headers string) *reply {
		t.Helper()
		h := http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {method}, "Access-Control-Request-Headers": {headers},
		}
		return subject.send(t, &call4{method: http.MethodOptions, path: path, unsigned: true, header: h})
	}
	// allowed says whether a header that lists names (or *) has this one.
	allowed := func(list, name string) bool {
		return slices.ContainsFunc(strings.Split(list, ","), func(s string) bool {
			s = strings.TrimSpace(s)
			return strings.EqualFold(s, name)
		})
	}
	wantOrigin := func(t *testing.T, r *reply) {
		t.Helper()
		if got := r.header.Get("Access-Control-Allow-Origin"); got != "*" && got != origin {
			t.Errorf("Access-Control-Allow-Origin %q", got)
		}
	}
	for _, c := range []struct{ path, method string }{
		{"/CreateRoom", "POST"},
		{"/CreateChatToken", "POST"},
		{tagPath(roomARN(noID)), "GET"},
		{tagPath(roomARN(noID)), "POST"},
		{tagPath(roomARN(noID)), "DELETE"},
	} {
		name := "a preflight needs no signature/" + c.method + " " + strings.SplitN(c.path, "%", 2)[0][1:]
		check(t, strings.ReplaceAll(name, "tags/arn", "tags"), func(t *testing.T) {
			r := preflight(t, c.path, c.method, "authorization,content-type,x-amz-date")
			if r.status != http.StatusOK && r.status != http.StatusNoContent {
				t.Fatalf("status %d", r.status)
			}
			wantOrigin(t, r)
			if got := r.header.Get("Access-Control-Allow-Methods"); !allowed(got, c.method) {
				t.Errorf("Access-Control-Allow-Methods %q lacks %s", got, c.method)
			}
		})
	}
	// authorization is never covered by a star, so names must be listed.
	for _, header := range []string{
		"authorization", "content-type", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent",
		"amz-sdk-invocation-id", "amz-sdk-request",
	} {
		check(t, "a preflight allows the header/"+header, func(t *testing.T) {
			got := preflight(t, "/CreateRoom", "POST", header).header.Get("Access-Control-Allow-Headers")
			if !allowed(got, header) {
				t.Errorf("Access-Control-Allow-Headers %q lacks %s", got, header)
			}
		})
	}
	answers := map[string]*call4{
		"success":          {path: "/ListRooms", body: `{}`},
		"a refused member": {path: "/CreateRoom", body: `{"name":"a b"}`},
		"a broken body":    {path: "/CreateRoom", body: `{`},
		"a missing room":   {path: "/GetRoom", body: `{"identifier":"` + "arn:aws:ivschat:us-west-2:123456789012:room/AAAAAAAAAAAA" + `"}`},
		"a refused caller": {path: "/ListRooms", body: `{}`, unsigned: true},
		"an unknown path":  {path: "/Nothing", body: `{}`},
		"a body too large": {path: "/CreateRoom", body: letters(10 << 20)},
	}
	for name, c := range answers {
		check(t, "answers may be read by a page/"+name, func(t *testing.T) {
			c.header = http.Header{"Origin": {origin}}
			r := subject.send(t, c)
			wantOrigin(t, r)
			exposed := r.header.Get("Access-Control-Expose-Headers")
			for _, header := range []string{"x-amzn-RequestId", "x-amzn-ErrorType", "Date"} {
				if !allowed(exposed, header) {
					t.Errorf("Access-Control-Expose-Headers %q lacks %s", exposed, header)
				}
			}
		})
	}
}
