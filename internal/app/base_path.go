package app

import (
	"bytes"
	"net/http"
	"strings"

	"confab/internal/api"
	"confab/internal/config"
	"confab/internal/control"
)

// basePath is the server's path on a host that it shares with others: without a slash
// at its end, or empty for the whole host. The proxy in front forwards or removes it,
// so the same request may arrive as /chat/CreateRoom or as /CreateRoom.
type basePath string

// checkBasePath refuses a base path that is an operation's path.
func checkBasePath(cfg *config.Config) error {
	if api.IsPath(cfg.BasePath, new(control.Service).Operations()) {
		return cfg.Refuse("base-path", cfg.BasePath, "must not be the path of an operation")
	}
	return nil
}

// below returns the part of an escaped path after the base path, beginning with its
// slash, and reports whether the path is below the base path.
func (b basePath) below(path string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, string(b))
	return rest, ok && (rest == "" || rest[0] == '/')
}

// restore returns the request as its client sent and signed it: with the base path,
// which a proxy may have removed. path is the request's path without it.
func (b basePath) restore(r *http.Request) (asSent *http.Request, path string) {
	path = r.URL.EscapedPath()
	if b == "" {
		return r, path
	}
	if rest, ok := b.below(path); ok {
		return r, rest
	}
	// An nginx rule such as "location /chat { proxy_pass http://node/; }" leaves a
	// second slash in place of the base path.
	path = oneSlash(path)
	sent, u := *r, *r.URL
	u.Path, u.RawPath = string(b)+oneSlash(u.Path), string(b)+path
	sent.URL = &u
	return &sent, path
}

// oneSlash reduces the slashes at the beginning of a path to one.
func oneSlash(path string) string { return "/" + strings.TrimLeft(path, "/") }

// socket reports whether a WebSocket handshake for the path is for this server: the
// path is below the base path, or a proxy removed all of it. Without a base path,
// every path is.
func (b basePath) socket(path string) bool {
	_, ok := b.below(path)
	return ok || strings.Trim(path, "/") == ""
}

// handshake is socket for the head of a handshake, in the form that rfc6455.ParseHead
// reads.
func (b basePath) handshake(head []byte) bool {
	target, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("GET ")), []byte(" "))
	path, _, _ := bytes.Cut(target, []byte("?"))
	return b.socket(string(path))
}
