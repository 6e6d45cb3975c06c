// Package console serves the web console: one page, which is built from web into dist and
// embedded in the program. The page calls the public API and the operations that Confab adds,
// with the credentials of its user. The server has no other interface for it.
//
// The files in dist/assets are compressed when they are built, and their names have a
// hash of their content.
package console

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Path is where the console is, below the server's base path.
const Path = "/_confab/console/"

//go:embed dist
var dist embed.FS

// policy allows what the page needs: files and operations of this server. Cloudscape
// sets styles in elements, and has its fonts in its style sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// placeholder is what Options replace in dist/index.html.
const placeholder = `<meta name="confab" content="">`

// Options are what the page has to know before a user signs in.
type Options struct {
	// BasePath is the server's path on a host that it shares; empty or without a
	// slash at its end.
	BasePath string
	// Region is the AWS region that requests are signed for.
	Region string
	// Account is the AWS account of all ARNs, so that the page can name a room by its id.
	Account string
	// Dev has the public credentials of a server of --dev, which signs in with them;
	// nil on all others.
	Dev *Credentials
}

// Credentials are an access key.
type Credentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

// Handler serves the console.
type Handler struct {
	base  string
	files map[string]*file
}

// file is a file of the console. compressed is nil if it was not compressed.
type file struct {
	contentType, caching, tag string
	plain, compressed         []byte
}

// New returns a handler that serves the embedded console.
func New(o Options) (*Handler, error) {
	h := &Handler{base: o.BasePath, files: map[string]*file{}}
	index, err := page(o)
	if err != nil {
		return nil, err
	}
	h.add("", newFile("index.html", index, nil, "no-cache"))
	return h, fs.WalkDir(dist, "dist/assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return h.addAsset(name)
	})
}

// page returns index.html with the options in it.
func page(o Options) ([]byte, error) {
	index, err := dist.ReadFile("dist/index.html")
	if err != nil {
		return nil, err
	}
	if bytes.Count(index, []byte(placeholder)) != 1 {
		return nil, fmt.Errorf("dist/index.html has no %s", placeholder)
	}
	options, err := json.Marshal(struct {
		Region  string       `json:"region"`
		Account string       `json:"account"`
		Dev     *Credentials `json:"dev,omitzero"`
	}{o.Region, o.Account, o.Dev})
	if err != nil {
		return nil, err
	}
	meta := strings.Replace(placeholder, `""`, `"`+html.EscapeString(string(options))+`"`, 1)
	return bytes.Replace(index, []byte(placeholder), []byte(meta), 1), nil
}

// addAsset adds a file of dist/assets, whose name ends in .gz.
func (h *Handler) addAsset(name string) error {
	compressed, err := dist.ReadFile(name)
	if err != nil {
		return err
	}
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	name = strings.TrimSuffix(name, ".gz")
	h.add(strings.TrimPrefix(name, "dist/"), newFile(name, plain, compressed, "public, max-age=31536000, immutable"))
	return nil
}

func (h *Handler) add(name string, f *file) { h.files[Path+name] = f }

func newFile(name string, plain, compressed []byte, caching string) *file {
	sum := sha256.Sum256(plain)
	return &file{
		contentType: cmp.Or(types[path.Ext(name)], mime.TypeByExtension(path.Ext(name)), "application/octet-stream"),
		caching:     caching,
		tag:         base64.RawURLEncoding.EncodeToString(sum[:12]),
		plain:       plain, compressed: compressed,
	}
}

// types do not depend on the tables of the system, as those of package mime do.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".woff2": "font/woff2",
}

// Serves reports whether a GET or HEAD of a path, without the base path, is for the
// console: the paths below Path, and / when a browser asks for a page.
func Serves(r *http.Request, path string) bool {
	return strings.HasPrefix(path, Path) || path == strings.TrimSuffix(Path, "/") || path == "/" && wantsPage(r)
}

// wantsPage reports whether a browser asks for a page. Clients of the API do not.
func wantsPage(r *http.Request) bool {
	return r.Header.Get("Authorization") == "" && accepts(r.Header.Values("Accept"), "text/html")
}

// ServeHTTP serves a request for which Serves is true, with the base path.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, h.base)
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if !strings.HasPrefix(name, Path) {
		header.Set("Cache-Control", "no-store")
		header.Set("Vary", "Accept")
		header.Set("Location", h.base+Path)
		w.WriteHeader(http.StatusFound)
		return
	}
	f := h.files[name]
	if f == nil {
		header.Set("Cache-Control", "no-store")
		http.Error(w, "the console has no such file", http.StatusNotFound)
		return
	}
	f.serve(w, r)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("Cache-Control", f.caching)
	content, tag := f.plain, f.tag
	if f.compressed != nil {
		header.Set("Vary", "Accept-Encoding")
		if accepts(r.Header.Values("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
			content, tag = f.compressed, f.tag+"-gzip"
		}
	}
	header.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// accepts reports whether a list such as that of Accept-Encoding (RFC 9110, section
// 12.5) names value with a weight above 0.
func accepts(list []string, value string) bool {
	for _, values := range list {
		for v := range strings.SplitSeq(values, ",") {
			name, parameters, _ := strings.Cut(v, ";")
			if strings.EqualFold(strings.TrimSpace(name), value) {
				_, weight, weighted := strings.Cut(strings.ToLower(parameters), "q=")
				q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
				return !weighted || err == nil && q > 0
			}
		}
	}
	return false
}
