package restjson_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"confab/internal/chat"
	"confab/internal/restjson"
)

func TestReadBody(t *testing.T) {
	read := func(r *http.Request) ([]byte, error) {
		return restjson.ReadBody(httptest.NewRecorder(), r, restjson.MaxBody)
	}
	t.Run("as large as allowed", func(t *testing.T) {
		body, err := read(httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", restjson.MaxBody))))
		if err != nil || len(body) != restjson.MaxBody {
			t.Errorf("got %d bytes, %v", len(body), err)
		}
	})
	t.Run("a larger announced length is refused before reading", func(t *testing.T) {
		source := &counter{r: strings.NewReader(strings.Repeat("x", restjson.MaxBody+1))}
		r := httptest.NewRequest("POST", "/", source)
		r.ContentLength = restjson.MaxBody + 1
		if _, err := read(r); chat.CodeOf(err) != chat.TooLarge || source.n != 0 {
			t.Errorf("got %v after %d bytes", err, source.n)
		}
	})
	t.Run("a larger chunked body is not read to its end", func(t *testing.T) {
		source := &counter{r: strings.NewReader(strings.Repeat("x", 10*restjson.MaxBody))}
		r := httptest.NewRequest("POST", "/", source)
		r.ContentLength = -1
		if _, err := read(r); chat.CodeOf(err) != chat.TooLarge || source.n > 2*restjson.MaxBody {
			t.Errorf("got %v after %d bytes", err, source.n)
		}
	})
	t.Run("a body that breaks off", func(t *testing.T) {
		_, err := read(httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), broken{})))
		if name, status := restjson.Exception(err); name != "MalformedHttpRequestException" || status != 400 {
			t.Errorf("got %v", err)
		}
	})
}

// A client that sends a body which is too large gets its answer, though it reads nothing
// before it has sent everything.
func TestDiscardRest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := restjson.ReadBody(w, r, restjson.MaxBody); err != nil {
			restjson.WriteError(w, "id", err)
			restjson.DiscardRest(w, r)
		}
	}))
	defer server.Close()
	const size = 16 << 20
	body := strings.Repeat("x", size)
	for name, request := range map[string]string{
		"announced": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body),
		"in chunks": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body),
		"not sent":  fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", size),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "POST /GetRoom HTTP/1.1\r\nHost: chat\r\n"+request); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusRequestEntityTooLarge || !res.Close {
				t.Errorf("it is %s, %v", res.Status, res.Header)
			}
		})
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCheckMedia(t *testing.T) {
	for _, c := range []struct {
		method, contentType, accept, want string
	}{
		{"POST", "", "", ""},
		{"POST", "application/json", "application/json", ""},
		{"POST", "Application/JSON; charset=utf-8", "*/*", ""},
		{"POST", "application/json", "text/html, application/*;q=0.5", ""},
		{"POST", "application/json", "application/json, text/plain, */*", ""},
		{"POST", "application/hal+json", "", "UnsupportedMediaTypeException"},
		{"POST", "application/x-www-form-urlencoded", "", "UnsupportedMediaTypeException"},
		{"POST", "application/json, text/plain", "", "UnsupportedMediaTypeException"},
		{"POST", ";", "", "UnsupportedMediaTypeException"},
		{"GET", "text/plain", "", ""},
		{"POST", "", "application/hal+json", "NotAcceptableException"},
		{"GET", "", "text/html", "NotAcceptableException"},
		{"GET", "", "application/json;q=0", "NotAcceptableException"},
		{"GET", "", "application/json;q=0.000, text/html", "NotAcceptableException"},
	} {
		t.Run(c.method+" "+c.contentType+" for "+c.accept, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/", nil)
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			if c.accept != "" {
				r.Header.Set("Accept", c.accept)
			}
			err := restjson.CheckMedia(r)
			if (err == nil) != (c.want == "") {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if err != nil {
				if name, _ := restjson.Exception(err); name != c.want {
					t.Errorf("got %s, want %s", name, c.want)
				}
			}
		})
	}
}
