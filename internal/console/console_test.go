package console_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"confab/internal/console"
)

func handler(t *testing.T, o console.Options) *console.Handler {
	t.Helper()
	h, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// answer is what the handler has answered.
type answer struct {
	StatusCode int
	Status     string
	Header     http.Header
	body       []byte
}

func get(h http.Handler, path string, headers ...string) answer {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{StatusCode: w.Code, Status: http.StatusText(w.Code), Header: w.Header(), body: w.Body.Bytes()}
}

// assets returns the files that the page names.
func assets(t *testing.T, h *console.Handler) []string {
	t.Helper()
	names := regexp.MustCompile(`assets/[^"]+`).FindAllString(string(get(h, console.Path).body), -1)
	if len(names) < 3 {
		t.Fatalf("the page names %v only", names)
	}
	return names
}

func TestPage(t *testing.T) {
	h := handler(t, console.Options{Region: `eu-"1`, Account: "123456789012", Dev: &console.Credentials{AccessKeyID: "AKID", SecretAccessKey: "public"}})
	answer := get(h, console.Path)
	page := string(answer.body)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || answer.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%s with %v", answer.Status, answer.Header)
	}
	if want := `content="{&#34;region&#34;:&#34;eu-\&#34;1&#34;,&#34;account&#34;:&#34;123456789012&#34;,&#34;dev&#34;:{&#34;accessKeyId&#34;:&#34;AKID&#34;,&#34;secretAccessKey&#34;:&#34;public&#34;}}"`; !strings.Contains(page, want) {
		t.Errorf("the page has no %s:\n%s", want, page)
	}
	if strings.Contains(page, "<script>") || regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(page) {
		t.Errorf("the page has an inline script, or needs another origin:\n%s", page)
	}
	if page := string(get(handler(t, console.Options{Region: "us-west-2"}), console.Path).body); strings.Contains(page, "accessKeyId") {
		t.Errorf("the page of a server without --dev has credentials:\n%s", page)
	}
	if again := get(h, console.Path, "If-None-Match", answer.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("a page that is known is answered with %s", again.Status)
	}
}

func TestAssets(t *testing.T) {
	h := handler(t, console.Options{})
	for _, name := range assets(t, h) {
		answer := get(h, console.Path+name, "Accept-Encoding", "br, gzip;q=0.8")
		compressed := answer.body
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "gzip" || answer.Header.Get("Vary") != "Accept-Encoding" ||
			answer.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s with %v", name, answer.Status, answer.Header)
		}
		r, err := gzip.NewReader(bytes.NewReader(compressed))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, accept := range []string{"", "br", "gzip;q=0", "gzip; q=0.0"} {
			identity := get(h, console.Path+name, "Accept-Encoding", accept)
			if identity.Header.Get("Content-Encoding") != "" || !bytes.Equal(identity.body, plain) || identity.Header.Get("ETag") == answer.Header.Get("ETag") {
				t.Errorf("%s for Accept-Encoding %q is not the file itself: %v", name, accept, identity.Header)
			}
		}
		known := get(h, console.Path+name, "Accept-Encoding", "gzip", "If-None-Match", answer.Header.Get("ETag"))
		if known.StatusCode != http.StatusNotModified {
			t.Errorf("%s that is known is answered with %s", name, known.Status)
		}
	}
}

// TestFirstLoad bounds what a browser has to load before it shows anything.
func TestFirstLoad(t *testing.T) {
	h := handler(t, console.Options{})
	size := 0
	for _, name := range assets(t, h) {
		size += len(get(h, console.Path+name, "Accept-Encoding", "gzip").body)
	}
	if size > 1<<20 {
		t.Errorf("the first load has %d bytes, more than 1 MiB", size)
	}
	t.Logf("the first load has %d bytes", size)
}

func TestContentSecurityPolicy(t *testing.T) {
	h := handler(t, console.Options{})
	for _, path := range []string{"", "assets/none.js", assets(t, h)[0]} {
		policy := get(h, console.Path+path).Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self';", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%q has the policy %q, want %s in it", path, policy, want)
			}
		}
	}
}

func TestNotFound(t *testing.T) {
	h := handler(t, console.Options{})
	for _, path := range []string{"x", "assets/", "assets/x.js", "../console.go", "index.html.gz", "rooms/x"} {
		if answer := get(h, console.Path+path); answer.StatusCode != http.StatusNotFound || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s is answered with %s, %v", path, answer.Status, answer.Header)
		}
	}
}

func TestRedirect(t *testing.T) {
	for _, base := range []string{"", "/chat"} {
		h := handler(t, console.Options{BasePath: base})
		for _, path := range []string{"/", strings.TrimSuffix(console.Path, "/")} {
			answer := get(h, base+path)
			if answer.StatusCode != http.StatusFound || answer.Header.Get("Location") != base+console.Path {
				t.Errorf("%s leads with %s to %q", base+path, answer.Status, answer.Header.Get("Location"))
			}
		}
		if answer := get(h, base+console.Path); answer.StatusCode != http.StatusOK {
			t.Errorf("%s is answered with %s", base+console.Path, answer.Status)
		}
	}
}

func TestServes(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, tt := range []struct {
		path, accept, authorization string
		want                        bool
	}{
		{"/", browser, "", true},
		{"/", "*/*", "", false},
		{"/", "", "", false},
		{"/", "text/html;q=0", "", false},
		{"/", browser, "AWS4-HMAC-SHA256 x", false},
		{"/ListRooms", browser, "", false},
		{console.Path, "", "", true},
		{console.Path + "assets/x", "*/*", "", true},
		{"/_confab/console", "", "", true},
		{"/_confab/consoles", browser, "", false},
		{"/_confab/v1/service-2.json", browser, "", false},
	} {
		t.Run(fmt.Sprintf("%s %s %s", tt.path, tt.accept, tt.authorization), func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tt.path, nil)
			r.Header.Set("Accept", tt.accept)
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			if got := console.Serves(r, tt.path); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
