package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The bounds of times. maxTokenLifetime is the longest session (API model: 180 minutes),
// maxDrainTime the longest time for which service managers wait for a stop.
const (
	maxTokenLifetime = 180 * time.Minute
	maxDrainTime     = time.Hour
	maxWindow        = time.Second
	minRetention     = time.Minute
	minReviewTimeout = time.Millisecond
	maxReviewTimeout = 10 * time.Second
	minLogInterval   = 100 * time.Millisecond
	maxLogInterval   = time.Hour
	minKeepAlive     = time.Second
	maxKeepAlive     = 2 * time.Hour

	minPresenceInterval = 100 * time.Millisecond
	maxPresenceInterval = time.Hour
)

func parseAny(s string) (string, error) { return s, nil }
func printString(s string) string       { return s }
func printNumber(n int) string          { return strconv.Itoa(n) }
func printSwitch(b bool) string         { return strconv.FormatBool(b) }
func printList(l []string) string       { return strings.Join(l, ",") }

func parseSwitch(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, errors.New("must be true or false")
	}
	return b, nil
}

func oneOf(allowed ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if slices.Contains(allowed, s) {
			return s, nil
		}
		return "", fmt.Errorf("must be one of %s", strings.Join(allowed, ", "))
	}
}

func number(low, high int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("must be a number from %d to %d", low, high)
		}
		return n, nil
	}
}

// The units of a size, the largest first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

const (
	minSize = 64 << 10
	maxSize = 1 << 40
)

// parseSize reads a number of bytes with a unit.
func parseSize(s string) (int64, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 || n > maxSize/u.bytes || n*u.bytes < minSize {
			break
		}
		return n * u.bytes, nil
	}
	return 0, errors.New("must be a size from 64KiB to 1024GiB, such as 256MiB")
}

func printSize(n int64) string {
	for _, u := range sizeUnits {
		if n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func parseAddress(s string) (string, error) {
	const want = "must be HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:8080"
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", errors.New(want)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > math.MaxUint16 {
		return "", errors.New(want)
	}
	return s, nil
}

func parseAdminAddress(s string) (string, error) {
	if s == AdminOff {
		return s, nil
	}
	s, err := parseAddress(s)
	if err != nil {
		return "", fmt.Errorf("%w, or %s", err, AdminOff)
	}
	return s, nil
}

// parsePprof reads what --pprof may be: a switch, or auto.
func parsePprof(s string) (string, error) {
	if s == PprofAuto {
		return s, nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return "", errors.New("must be true, false or auto")
	}
	return printSwitch(b), nil
}

// The forms of names and keys. AWS's own account ids have 12 digits; regions and
// access key ids are only kept from breaking ARNs and credential scopes.
var (
	regionPattern          = pattern(`^[a-z0-9-]+$`)
	accountPattern         = pattern(`^[0-9]{12}$`)
	accessKeyIDPattern     = pattern(`^[A-Za-z0-9_-]+$`)
	secretAccessKeyPattern = pattern(`^[!-~]+$`)
)

// pattern compiles a regular expression at its first use. Most commands need none of them.
func pattern(s string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) })
}

func parseRegion(s string) (string, error) {
	if !regionPattern().MatchString(s) || len(s) > 32 {
		return "", errors.New("must be made of a–z, 0–9 and -, such as us-west-2")
	}
	return s, nil
}

func parseAccount(s string) (string, error) {
	if !accountPattern().MatchString(s) {
		return "", errors.New("must be 12 digits")
	}
	return s, nil
}

func parseAccessKeyID(s string) (string, error) {
	if !accessKeyIDPattern().MatchString(s) || len(s) < 3 || len(s) > 128 {
		return "", errors.New("must be 3 to 128 letters, digits, _ and -")
	}
	return s, nil
}

// basePathPattern has what no proxy, browser or SDK encodes, decodes or removes.
var basePathPattern = pattern(`^(/[A-Za-z0-9_~.-]+)+$`)

// maxBasePath leaves most of a request line to what comes behind the path.
const maxBasePath = 200

// reservedPaths are the first segments of the paths that the server answers. A
// base path that begins with one could not be told from a path without it.
var reservedPaths = []string{"tags", "healthz", "readyz", "_confab"}

// parseBasePath returns the path without the slash at its end, so that the whole
// host is the empty path.
func parseBasePath(s string) (string, error) {
	path := strings.TrimSuffix(s, "/")
	if path == "" {
		return "", nil
	}
	if strings.Contains(s, "://") {
		return "", errors.New("must be the path alone, such as /chat, without scheme and host")
	}
	if !basePathPattern().MatchString(path) || len(path) > maxBasePath {
		return "", fmt.Errorf("must be a path of at most %d characters such as /chat or /a/chat: each part a slash and then letters, digits, -, ., _ and ~", maxBasePath)
	}
	segments := strings.Split(path[1:], "/")
	if slices.Contains(segments, ".") || slices.Contains(segments, "..") {
		return "", errors.New("must not have . or .. as a part; clients and proxies remove them")
	}
	if slices.Contains(reservedPaths, segments[0]) {
		return "", fmt.Errorf("must not begin with /%s, which is a path of the server itself", segments[0])
	}
	return path, nil
}

func parseSecretAccessKey(s string) (Secret, error) {
	if !secretAccessKeyPattern().MatchString(s) || len(s) < 8 || len(s) > 256 {
		return "", errors.New("must be 8 to 256 printable ASCII characters without spaces")
	}
	return Secret(s), nil
}

func parseSecretKey(s string) (Secret, error) {
	if _, err := DecodeKey(s); err != nil {
		return "", err
	}
	return Secret(s), nil
}

// KeySize is the length of the secret key in bytes.
const KeySize = 32

// DecodeKey reads a secret key: 32 bytes in base64, as
// `openssl rand -base64 32` prints them. White space around it is ignored.
func DecodeKey(s string) ([]byte, error) {
	if quoted(s) {
		return nil, errors.New(withoutQuotes)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("must be %d bytes in base64, as openssl rand -base64 %d prints them", KeySize, KeySize)
	}
	return key, nil
}

func parseDatabase(s string) (string, error) {
	if s == "" || s == "sqlite" {
		return s, nil
	}
	scheme, _, ok := strings.Cut(s, "://")
	if ok && (scheme == "postgres" || scheme == "postgresql") {
		if _, err := url.Parse(s); err == nil {
			return s, nil
		}
	}
	return "", errors.New("must be postgres://USER:PASSWORD@HOST:5432/NAME, with special characters of the password written as %XX; or sqlite, or empty, for SQLite in --data-dir")
}

// passwords are those in the query of a database URL.
var passwords = pattern(`([?&](?:ssl)?password=)[^&]*`)

// HidePassword returns the URL of a database with dots in place of its passwords.
func HidePassword(s string) string {
	dots := Secret(s).String()
	scheme, rest, _ := strings.Cut(s, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if user, _, ok := strings.Cut(rest[:at], ":"); ok {
			s = scheme + "://" + user + ":" + dots + rest[at:]
		}
	}
	return passwords().ReplaceAllString(s, "${1}"+dots)
}

func parseOrigins(s string) ([]string, error) {
	origins := splitList(s)
	for _, o := range origins {
		if o == "*" || o == OriginsLoopback {
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != o {
			return nil, fmt.Errorf("%q is not an origin; it must be *, loopback or like https://chat.example.com", o)
		}
	}
	if len(origins) == 0 {
		return nil, errors.New("must be *, loopback or a list of origins like https://chat.example.com")
	}
	return origins, nil
}

// splitList splits a list at its commas. Empty items are ignored.
func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

type prefixes []netip.Prefix

func parsePrefixes(s string) (prefixes, error) {
	var list prefixes
	for _, part := range splitList(s) {
		p, err := netip.ParsePrefix(part)
		if a, aerr := netip.ParseAddr(part); aerr == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a network; it must be like 10.0.0.0/8 or 192.0.2.1", part)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// String returns the networks as they would be typed.
func (p prefixes) String() string {
	parts := make([]string, len(p))
	for i, n := range p {
		parts[i] = n.String()
	}
	return strings.Join(parts, ",")
}

func parseRate(s string) (Rate, error) {
	n, perSecond := strings.CutSuffix(s, "/s")
	r, err := strconv.ParseFloat(n, 64)
	if err != nil || !(r >= 0 && r <= 1e6) || (!perSecond && r != 0) {
		return 0, errors.New("must be a rate up to 1000000/s, such as 5/s, or 0 for no limit")
	}
	return Rate(r), nil
}

// String returns the rate as it would be typed.
func (r Rate) String() string {
	if r == 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s"
}

type duration time.Duration

func durationUpTo(limit time.Duration) func(string) (duration, error) {
	return func(s string) (duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 || d > limit {
			return 0, fmt.Errorf("must be a time from 0 to %s, such as 30s", duration(limit))
		}
		return duration(d), nil
	}
}

func durationFrom(least, most time.Duration, example string) func(string) (duration, error) {
	return func(s string) (duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("must be a time from %s to %s, such as %s", duration(least), duration(most), example)
		}
		return duration(d), nil
	}
}

// handlers are message review handlers, printed as PATTERN=TARGET. ARNs have no
// equal sign. Package review checks the targets.
type handlers []MessageReviewHandler

// parseHandlers reads the lines that mapping makes.
func parseHandlers(s string) (handlers, error) {
	var h handlers
	for line := range strings.Lines(s) {
		pattern, target, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		h = append(h, MessageReviewHandler{pattern, target})
	}
	return h, nil
}

// String returns the handlers in one line.
func (h handlers) String() string {
	parts := make([]string, len(h))
	for i, m := range h {
		parts[i] = m.Pattern + "=" + m.Target
	}
	return strings.Join(parts, ", ")
}

func parseRetention(s string) (duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < minRetention {
		return 0, fmt.Errorf("must be a time of at least %s, such as 72h", duration(minRetention))
	}
	return duration(d), nil
}

// String returns the time as it would be typed: 72h, not 72h0m0s.
func (d duration) String() string {
	if d == 0 {
		return "0"
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

type window time.Duration

func parseWindow(s string) (window, error) {
	if s == "auto" {
		return window(AutomaticWindow), nil
	}
	d, err := durationUpTo(maxWindow)(s)
	if err != nil {
		return 0, fmt.Errorf("must be auto or a time from 0 to %s, such as 50ms", duration(maxWindow))
	}
	return window(d), nil
}

// String returns the window as it would be typed.
func (w window) String() string {
	if time.Duration(w) == AutomaticWindow {
		return "auto"
	}
	return duration(w).String()
}
