package conformance

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
)

// TestBasePath has clients whose endpoint is a path of a shared host. Official
// clients sign that path, whatever the proxy makes of it.
func TestBasePath(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	const base = "/team/chat"
	certificate, err := process.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	plain := endpointOf(process.Serve(t, process.Options{Args: append([]string{"--base-path", base + "/"}, process.NoConnectRates...)}))
	secure := endpointOf(process.Serve(t, process.Options{Certificate: certificate, Args: append([]string{"--base-path", base}, process.NoConnectRates...)}))
	secure.tls = certificate.Client
	secure.http = &http.Client{Transport: &http.Transport{TLSClientConfig: certificate.Client}, Timeout: patience}

	// at is the endpoint whose clients know the base path.
	at := func(e endpoint, suffix string) *endpoint {
		e.api, e.websocket = e.api+suffix, e.websocket+suffix
		return &e
	}
	forms := map[string]*endpoint{
		"the path is passed on":           at(*plain, base),
		"the path is passed on, TLS":      at(*secure, base),
		"the path is removed":             at(*behind(t, plain, func(path string) string { return strings.TrimPrefix(path, base) }), base),
		"the path becomes another slash":  at(*behind(t, plain, func(path string) string { return strings.Replace(path, base, "/", 1) }), base),
		"the path is removed, TLS behind": at(*behind(t, secure, func(path string) string { return strings.TrimPrefix(path, base) }), base),
	}
	for name, e := range forms {
		check(t, name+"/operations", func(t *testing.T) {
			e.newRoom(t, nil)
			e.call(t, "ListRooms", m{}).want(t, http.StatusOK)
		})
		check(t, name+"/tags", func(t *testing.T) {
			room, sdk := e.newRoom(t, nil).arn, e.sdk()
			if _, err := sdk.TagResource(t.Context(), &ivschat.TagResourceInput{ResourceArn: aws.String(room), Tags: map[string]string{"a b": "c/d", "x": "y"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := sdk.UntagResource(t.Context(), &ivschat.UntagResourceInput{ResourceArn: aws.String(room), TagKeys: []string{"a b"}}); err != nil {
				t.Fatal(err)
			}
			tags, err := sdk.ListTagsForResource(t.Context(), &ivschat.ListTagsForResourceInput{ResourceArn: aws.String(room)})
			if err != nil || len(tags.Tags) != 1 || tags.Tags["x"] != "y" {
				t.Errorf("tags %v, %v", tags, err)
			}
		})
		check(t, name+"/a presigned call", func(t *testing.T) {
			e.send(t, &call4{path: "/ListRooms", body: "{}", presign: true}).want(t, http.StatusOK)
		})
		check(t, name+"/chat", func(t *testing.T) {
			s := e.join(t, e.newRoom(t, nil), nil)
			s.say(t, "hello")
			s.nextMessage(t, "hello")
		})
		check(t, name+"/health", func(t *testing.T) {
			for _, path := range []string{"/healthz", "/readyz"} {
				if status := e.get(t, path); status != http.StatusOK {
					t.Errorf("%s: status %d", path, status)
				}
			}
		})
	}
	check(t, "SDK and chat client, with a slash at the end of their URLs", func(t *testing.T) {
		e := at(*plain, base+"/")
		room, err := e.sdk().CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.sdk().ListTagsForResource(t.Context(), &ivschat.ListTagsForResourceInput{ResourceArn: room.Arn}); err != nil {
			t.Error(err)
		}
		e.connect(t, at(*plain, base).newToken(t, resource{arn: *room.Arn}, nil))
	})
	for name, e := range map[string]*endpoint{"plain": plain, "TLS": secure} {
		check(t, "outside of the path, "+name+"/health is for the load balancer", func(t *testing.T) {
			if status := e.get(t, "/healthz"); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
		check(t, "outside of the path, "+name+"/everything else is 404", func(t *testing.T) {
			for _, path := range []string{"/", "/other", "/team", "/team/chatter/ListRooms", "/team/chatListRooms", "/TEAM/CHAT/ListRooms", "/team/chat", "/team/chat/other"} {
				if status := e.get(t, path); status != http.StatusNotFound {
					t.Errorf("GET %s: status %d", path, status)
				}
			}
			r := e.send(t, &call4{path: "/other/ListRooms", body: "{}"})
			if r.status != http.StatusNotFound || r.header.Get("X-Amzn-Errortype") != "UnknownOperationException" {
				t.Errorf("a signed call elsewhere: status %d, %s", r.status, r.body)
			}
		})
		check(t, "outside of the path, "+name+"/a handshake is 404 and spends no token", func(t *testing.T) {
			inside := at(*e, base)
			token := inside.newToken(t, inside.newRoom(t, nil), nil)
			for _, path := range []string{"/other", "/team/chatter", "/team"} {
				h := newHandshake(token)
				h.line = "GET " + path + " HTTP/1.1"
				if res := e.handshake(t, h); res.StatusCode != http.StatusNotFound {
					t.Errorf("%s: status %d", path, res.StatusCode)
				}
			}
			inside.connect(t, token)
		})
		check(t, "outside of the path, "+name+"/a signature that leaves it out is refused", func(t *testing.T) {
			r := e.send(t, &call4{path: "/ListRooms", body: "{}"})
			if r.status != http.StatusForbidden || r.header.Get("X-Amzn-Errortype") != "InvalidSignatureException" {
				t.Errorf("status %d, %s", r.status, r.body)
			}
		})
	}
}

// behind is the endpoint of a proxy that passes Host and escapes on as they are
// and changes the path.
func behind(t *testing.T, e *endpoint, change func(path string) string) *endpoint {
	t.Helper()
	target, err := url.Parse(e.api)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: e.http.Transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.URL.Path, r.Out.URL.RawPath = change(r.In.URL.Path), change(r.In.URL.EscapedPath())
			r.Out.Host = r.In.Host
		},
	})
	t.Cleanup(proxy.Close)
	return &endpoint{
		api: proxy.URL, websocket: "ws" + strings.TrimPrefix(proxy.URL, "http"),
		region: e.region, account: e.account, root: e.root, http: client,
	}
}

// get returns the status of an unsigned GET.
func (e *endpoint) get(t *testing.T, path string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.api+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}
