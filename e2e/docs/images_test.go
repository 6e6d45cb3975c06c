package docs

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var image = regexp.MustCompile(`!\[([^\]]*)\]\(([^)\s]+)\)`)

// largestImage is more than a reader should wait for.
const largestImage = 1 << 20

// TestImages holds that the pictures of the documents are shown where the repository is hosted:
// files of the repository that browsers know. An SVG is shown as an image, so it gets no scripts,
// and nothing from outside.
func TestImages(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, line := range page.Prose {
			for _, m := range image.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
				found++
				checkImage(t, page.Path, m[1], m[2])
			}
		}
	}
	if found == 0 {
		t.Error("no document has a picture")
	}
}

func checkImage(t *testing.T, page, alt, target string) {
	t.Helper()
	if alt == "" {
		t.Errorf("%s: the picture %s has no text for those who do not see it", page, target)
	}
	if strings.Contains(target, "://") || strings.HasPrefix(target, "/") {
		t.Errorf("%s: the picture %s must be a file of the repository, by a relative path", page, target)
		return
	}
	b, err := os.ReadFile(filepath.Join(root, filepath.Dir(page), target))
	switch kind := filepath.Ext(target); {
	case err != nil:
		t.Errorf("%s: %v", page, err)
	case len(b) > largestImage:
		t.Errorf("%s: the picture %s has %d bytes, above %d", page, target, len(b), largestImage)
	case kind == ".svg":
		if err := checkSVG(b); err != nil {
			t.Errorf("%s: %s: %v", page, target, err)
		}
	case !slices.Contains([]string{".png", ".webp", ".gif"}, kind):
		t.Errorf("%s: the picture %s must be svg, png, webp or gif", page, target)
	}
}

// checkSVG reports what an image cannot have.
func checkSVG(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = true
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.EndElement:
			depth--
		case xml.CharData:
			if strings.Contains(string(e), "@import") || strings.Contains(string(e), "url(http") {
				return errors.New("it loads a style from outside")
			}
		case xml.StartElement:
			if depth++; depth == 1 && (e.Name.Local != "svg" || e.Name.Space != "http://www.w3.org/2000/svg") {
				return errors.New("it must begin with svg in the namespace of SVG, or it is shown as text")
			}
			if slices.Contains([]string{"script", "foreignObject", "iframe", "image"}, e.Name.Local) {
				return errors.New("an image cannot have the element " + e.Name.Local)
			}
			for _, a := range e.Attr {
				if a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "url(http") {
					return errors.New("an image cannot have " + a.Name.Local + "=" + a.Value)
				}
			}
		}
	}
}

// TestCheckSVG holds that the check finds what an image cannot have.
func TestCheckSVG(t *testing.T) {
	for _, text := range []string{
		`<svg></svg>`,
		`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`,
		`<svg xmlns="http://www.w3.org/2000/svg"><g onclick="x()"/></svg>`,
		`<svg xmlns="http://www.w3.org/2000/svg"><use href="other.svg#a"/></svg>`,
		`<svg xmlns="http://www.w3.org/2000/svg"><style>@import "a.css"</style></svg>`,
		`<svg xmlns="http://www.w3.org/2000/svg"><g></svg>`,
		"<svg xmlns=\"http://www.w3.org/2000/svg\"><text>\x1b</text></svg>",
	} {
		if checkSVG([]byte(text)) == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
