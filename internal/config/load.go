package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Error is a setting that cannot be used. Its text is one line: the place where the value
// was set, the value, and what is allowed.
type Error struct {
	// Place is the flag, the variable or the line of the file.
	Place string
	// Value is what was set there; empty for secrets and for what is missing.
	Value string
	// Problem says what is allowed.
	Problem string
}

// Error returns the line.
func (e *Error) Error() string {
	if e.Value == "" {
		return e.Place + ": " + e.Problem
	}
	return fmt.Sprintf("%s %q: %s", e.Place, e.Value, e.Problem)
}

// given is one value before it is parsed.
type given struct {
	text   string
	place  string // for errors: "--listen", "CONFAB_LISTEN", "confab.yaml:3: listen"
	source string // for provenance: "flag --listen", "environment CONFAB_LISTEN", "file confab.yaml:3"
}

// environmentSource begins the source of a value of the environment.
const environmentSource = "environment "

// Load builds a configuration from the flags that were given (by name, without
// dashes), the environment (as of os.Environ), the file that one of them names,
// and the defaults; the first of these that sets a value wins. Variables that
// are empty count as not set. Every failure is an *Error.
func Load(flags map[string]string, environ []string) (*Config, error) {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, _ := strings.Cut(kv, "="); v != "" {
			env[k] = v
		}
	}
	var file map[string]given
	find := func(s *Setting) (given, bool) {
		if v, ok := flags[s.Name]; ok {
			return given{v, "--" + s.Name, "flag --" + s.Name}, true
		}
		if v, ok := env[s.Environment()]; ok && !s.FileOnly {
			return given{v, s.Environment(), environmentSource + s.Environment()}, true
		}
		v, ok := file[s.Name]
		return v, ok
	}
	if g, ok := find(lookup("config")); ok {
		if strings.HasPrefix(g.source, environmentSource) && quoted(g.text) {
			return nil, &Error{Place: g.place, Value: g.text, Problem: withoutQuotes}
		}
		var err error
		if file, err = readFile(g); err != nil {
			return nil, err
		}
	}

	c := Default()
	c.sources = map[string]string{}
	set := func(s *Setting) error {
		g, ok := find(s)
		if !ok {
			return nil
		}
		err := s.value.set(c, g.text)
		if strings.HasPrefix(g.source, environmentSource) && quoted(g.text) {
			err = errors.New(withoutQuotes)
		}
		if err != nil {
			e := &Error{Place: g.place, Value: g.text, Problem: err.Error()}
			if s.EnvironmentOnly {
				e.Value = ""
			} else if s.shown != nil {
				e.Value = s.shown(g.text)
			}
			return e
		}
		c.sources[s.Name] = g.source
		return nil
	}
	if err := set(lookup("dev")); err != nil {
		return nil, err
	}
	if c.Dev {
		c.useDev()
	}
	for _, s := range Settings() {
		if c.Dev && strings.HasPrefix(s.Name, "root-") {
			continue
		}
		if err := set(s); err != nil {
			return nil, err
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// check checks the settings that depend on each other.
func (c *Config) check() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		have, miss := "tls-cert", "tls-key"
		if c.TLSCert == "" {
			have, miss = miss, have
		}
		return &Error{Place: c.place(have), Problem: "needs --" + miss + " as well: TLS needs a certificate and its key"}
	}
	if c.SecretKey != "" && c.SecretKeyFile != "" {
		return &Error{Place: c.place("secret-key-file"), Value: c.SecretKeyFile, Problem: "CONFAB_SECRET_KEY is set as well: remove one of the two"}
	}
	if err := c.checkCluster(); err != nil {
		return err
	}
	if c.Listen == c.AdminListen && !strings.HasSuffix(c.Listen, ":0") {
		return &Error{Place: c.place("admin-listen"), Value: c.AdminListen, Problem: "must not be the address of --listen"}
	}
	if c.Dev {
		for _, l := range []struct{ name, address string }{{"listen", c.Listen}, {"admin-listen", c.AdminListen}} {
			if !loopback(l.address) {
				return &Error{Place: c.place(l.name), Value: l.address, Problem: "must be a loopback address such as 127.0.0.1:8080 with --dev, because everyone knows its credentials"}
			}
		}
	}
	return nil
}

// CheckRoot returns an *Error if the administrator's credentials are not set. Without them
// no call is allowed.
func (c *Config) CheckRoot() error {
	if c.RootAccessKeyID != "" && c.RootSecretAccessKey != "" {
		return nil
	}
	return &Error{
		Place:   "CONFAB_ROOT_ACCESS_KEY_ID and CONFAB_ROOT_SECRET_ACCESS_KEY",
		Problem: "set both to credentials of your choice for the administrator, or try it out with --dev",
	}
}

// PasswordInFile reports whether the configuration file contains the password of
// the database.
func (c *Config) PasswordInFile() bool {
	return strings.HasPrefix(c.sources["database"], "file ") && HidePassword(c.Database) != c.Database
}

// loopback reports whether only this machine can reach the address.
func loopback(address string) bool {
	if address == AdminOff {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Refuse returns the Error of a setting that another package has found wrong, such as a
// handler that does not exist.
func (c *Config) Refuse(name, value, problem string) *Error {
	return &Error{Place: c.place(name), Value: value, Problem: problem}
}

// place names where the setting was set, or its flag if it was not set.
func (c *Config) place(name string) string {
	source := c.sources[name]
	if _, at, ok := strings.Cut(source, " "); ok {
		if strings.HasPrefix(source, "file ") {
			return at + ": " + name
		}
		return at
	}
	return "--" + name
}

// Value is a setting of a loaded configuration, as confab config prints it.
type Value struct {
	Name   string `json:"-"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Values returns every setting in the order of the reference, secrets as dots,
// and where it came from: "flag --x", "environment CONFAB_X", "file F:LINE",
// "--dev" or "default".
func (c *Config) Values() []Value {
	var values []Value
	for _, s := range Settings() {
		v := Value{Name: s.Name, Value: s.value.get(c), Source: c.sources[s.Name]}
		if v.Source == "" {
			v.Source = "default"
			if v.Value != s.Default() {
				v.Source = "--dev"
			}
		}
		values = append(values, v)
	}
	return values
}

// Key returns the secret key that is configured, KeySize bytes. It is nil if none is: then
// the key in the data directory is used. Every failure is an *Error.
func (c *Config) Key() ([]byte, error) {
	switch {
	case c.SecretKey != "":
		return DecodeKey(string(c.SecretKey))
	case c.SecretKeyFile != "":
		text, problem := readSecretFile(c.SecretKeyFile)
		if problem != "" {
			return nil, &Error{Place: c.place("secret-key-file"), Value: c.SecretKeyFile, Problem: problem}
		}
		key, err := DecodeKey(text)
		if err != nil {
			return nil, &Error{Place: c.place("secret-key-file"), Value: c.SecretKeyFile, Problem: "its content " + err.Error()}
		}
		return key, nil
	}
	return nil, nil
}
