package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// load is Load with a file of the given content, if there is any. The file's
// name in errors is confab.yaml.
func load(t *testing.T, flags map[string]string, environ []string, file string) (*Config, error) {
	t.Helper()
	if file != "" {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("confab.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		environ = append(environ, "CONFAB_CONFIG=confab.yaml")
	}
	return Load(flags, environ)
}

func value(t *testing.T, c *Config, name string) Value {
	t.Helper()
	for _, v := range c.Values() {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no value %s", name)
	return Value{}
}

func TestLoad_precedence(t *testing.T) {
	const file = "# comment\nregion: eu-west-1\ntrusted-proxies:\n  - 10.1.2.3/8\n  - 192.0.2.1\naccount-id: 000000000042\nquotas:\n"
	env := []string{"CONFAB_REGION=eu-central-1", "CONFAB_DRAIN_TIME=1m30s", "CONFAB_QUOTAS=", "CONFAB_PORT=tcp://10.0.0.1:80"}
	flags := map[string]string{"drain-time": "5s"}
	c, err := load(t, flags, env, file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Value{
		"drain-time":      {Value: "5s", Source: "flag --drain-time"},
		"region":          {Value: "eu-central-1", Source: "environment CONFAB_REGION"},
		"account-id":      {Value: "000000000042", Source: "file confab.yaml:6"},
		"trusted-proxies": {Value: "10.0.0.0/8,192.0.2.1/32", Source: "file confab.yaml:3"},
		"quotas":          {Value: "off", Source: "default"},
		"config":          {Value: "confab.yaml", Source: "environment CONFAB_CONFIG"},
		"log-retention":   {Value: "72h", Source: "default"},
	} {
		want.Name = name
		if diff := cmp.Diff(want, value(t, c, name)); diff != "" {
			t.Error(diff)
		}
	}
	if c.DrainTime != 5*time.Second || c.Region != "eu-central-1" || c.AccountID != "000000000042" {
		t.Errorf("the fields do not hold what Values shows: %+v", c)
	}
}

func TestLoad_values(t *testing.T) {
	for _, tt := range []struct{ name, in, out string }{
		{"listen", ":0", ":0"},
		{"listen", "[::1]:8080", "[::1]:8080"},
		{"admin-listen", "off", "off"},
		{"database", "sqlite", "sqlite"},
		{"database", "postgres://db/confab", "postgres://db/confab"},
		{"base-path", "/chat", "/chat"},
		{"base-path", "/chat/", "/chat"},
		{"base-path", "/a.b/c-d_e~f", "/a.b/c-d_e~f"},
		{"base-path", "/", ""},
		{"base-path", "", ""},
		{"cors-origins", "https://a.example, http://localhost:3000", "https://a.example,http://localhost:3000"},
		{"trusted-proxies", "::1,10.0.0.0/8", "::1/128,10.0.0.0/8"},
		{"connect-rate-per-user", "0", "0"},
		{"connect-rate-per-user", "0.5/s", "0.5/s"},
		{"connect-rate-per-address", "200/s", "200/s"},
		{"delivery-window", "auto", "auto"},
		{"delivery-window", "0", "0"},
		{"delivery-window", "50ms", "50ms"},
		{"token-lifetime", "60s", "1m"},
		{"token-lifetime", "90m", "1h30m"},
		{"close-on-room-delete", "true", "true"},
		{"event-attributes-max", "4096", "4096"},
		{"quotas", "aws", "aws"},
		{"log-destinations", "local", "local"},
		{"s3-log-interval", "60s", "1m"},
		{"log-flush-interval", "100ms", "100ms"},
	} {
		t.Run(tt.name+"="+tt.in, func(t *testing.T) {
			c, err := Load(map[string]string{tt.name: tt.in}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := value(t, c, tt.name).Value; got != tt.out {
				t.Errorf("prints as %q, want %q", got, tt.out)
			}
			// What prints can be typed again.
			if _, err := Load(map[string]string{tt.name: tt.out}, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLoad_refused(t *testing.T) {
	for _, tt := range []struct {
		name, value, want string
	}{
		{"listen", "8080", "HOST:PORT"},
		{"listen", "127.0.0.1:http", "0 to 65535"},
		{"listen", "127.0.0.1:65536", "0 to 65535"},
		{"admin-listen", "none", "or off"},
		{"admin-listen", "127.0.0.1:8080", "must not be the address of --listen"},
		{"region", "US West", "a–z, 0–9 and -"},
		{"account-id", "12345", "12 digits"},
		{"database", "mysql://db/confab", "must be postgres://"},
		{"database", "postgres://chat:50%@db/confab", `"postgres://chat:••••••••@db/confab": must be postgres://`},
		{"quotas", "on", "one of off, aws"},
		{"token-lifetime", "60", "from 0 to 3h"},
		{"token-lifetime", "4h", "from 0 to 3h"},
		{"drain-time", "-1s", "from 0 to 1h"},
		{"delivery-window", "2s", "auto or a time from 0 to 1s"},
		{"review-timeout", "0", "from 1ms to 10s"},
		{"review-timeout", "11s", "from 1ms to 10s"},
		{"log-retention", "1s", "at least 1m"},
		{"log-destinations", "gcp", "one of aws, local"},
		{"s3-log-interval", "0", "from 100ms to 1h"},
		{"log-flush-interval", "2h", "from 100ms to 1h"},
		{"connect-rate-per-user", "5", "such as 5/s, or 0"},
		{"connect-rate-per-user", "-1/s", "such as 5/s, or 0"},
		{"connect-rate-per-address", "NaN/s", "such as 5/s, or 0"},
		{"max-connections", "-1", "0 to 2147483647"},
		{"event-attributes-max", "4097", "1 to 4096"},
		{"event-attributes-max", "0", "1 to 4096"},
		{"base-path", "chat", "such as /chat"},
		{"base-path", "https://example.com/chat", "without scheme and host"},
		{"base-path", "/chat//v1", "such as /chat"},
		{"base-path", "//chat", "such as /chat"},
		{"base-path", "/chat//", "such as /chat"},
		{"base-path", "/a/../b", "must not have . or .."},
		{"base-path", "/./b", "must not have . or .."},
		{"base-path", "/ch%61t", "such as /chat"},
		{"base-path", "/chat room", "such as /chat"},
		{"base-path", "/chat?x", "such as /chat"},
		{"base-path", "/" + strings.Repeat("a", 200), "at most 200 characters"},
		{"base-path", "/tags", "must not begin with /tags"},
		{"base-path", "/healthz/x", "must not begin with /healthz"},
		{"base-path", "/_confab", "must not begin with /_confab"},
		{"trusted-proxies", "10.0.0.0/8,proxy", `"proxy" is not a network`},
		{"cors-origins", "chat.example.com", "like https://chat.example.com"},
		{"cors-origins", "https://chat.example.com/path", "like https://chat.example.com"},
		{"close-on-room-delete", "maybe", "true or false"},
		{"log-level", "verbose", "debug, info, warn, error"},
		{"log-format", "xml", "auto, json, text"},
		{"tls-cert", "cert.pem", "needs --tls-key"},
		{"tls-key", "key.pem", "needs --tls-cert"},
		{"config", "/does/not/exist.yaml", "no such file"},
	} {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			variable := lookup(tt.name).Environment()
			for place, load := range map[string]func() (*Config, error){
				"--" + tt.name: func() (*Config, error) { return Load(map[string]string{tt.name: tt.value}, nil) },
				variable:       func() (*Config, error) { return Load(nil, []string{variable + "=" + tt.value}) },
			} {
				_, err := load()
				wantError(t, err, place, tt.want)
			}
		})
	}
}

// wantError checks that err is one line that begins with the place and says what is allowed.
func wantError(t *testing.T, err error, place, want string) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if line := err.Error(); !strings.HasPrefix(line, place) || !strings.Contains(line, want) || strings.Contains(line, "\n") {
		t.Errorf("got %q, want one line that begins with %s and says %q", line, place, want)
	}
}

func TestLoad_file(t *testing.T) {
	for _, tt := range []struct{ name, file, place, want string }{
		{"an unknown key", "region: us-east-1\nfrobnicate: 1\n", "confab.yaml:2", "names are those of the flags"},
		{"a misspelt key", "drain-tme: 1s\n", "confab.yaml:1", `did you mean "drain-time"?`},
		{"a key in camel case", "dataDir: /data\n", "confab.yaml:1", `did you mean "data-dir"?`},
		{"a key twice", "quotas: aws\nquotas: off\n", "confab.yaml:2", "is set twice"},
		{"a secret", "root-secret-access-key: abcdefgh\n", "confab.yaml:1", "CONFAB_ROOT_SECRET_ACCESS_KEY"},
		{"the file itself", "config: other.yaml\n", "confab.yaml:1", "cannot be set in the file"},
		{"a bad value", "\nquotas: some\n", "confab.yaml:2: quotas", "one of off, aws"},
		{"a map for a value", "quotas: {a: b}\n", "confab.yaml:1", "must be one value"},
		{"a list for one value", "quotas: [off, aws]\n", "confab.yaml:1", "must be one value"},
		{"a list of maps", "cors-origins: [{a: b}]\n", "confab.yaml:1", "a list of values"},
		{"a value for a mapping", "messageReviewHandlers: lambda\n", "confab.yaml:1", "must be a mapping"},
		{"a list for a mapping", "messageReviewHandlers: [lambda]\n", "confab.yaml:1", "must be a mapping"},
		{"a mapping of lists", "messageReviewHandlers: {a: [lambda]}\n", "confab.yaml:1", "must be a mapping"},
		{"a mapping with a line break", "messageReviewHandlers: {a: \"b\\nc=d\"}\n", "confab.yaml:1", "must be a mapping"},
		{"a quota that is no number", "serviceQuotas:\n  Rooms: many\n", "confab.yaml:1: serviceQuotas: \"Rooms\" is \"many\"", "from 0 to 2147483647, and 0 sets no limit"},
		{"a quota below 0", "serviceQuotas: {Rooms: -1}\n", "confab.yaml:1: serviceQuotas: \"Rooms\"", "from 0 to"},
		{"a quota twice", "serviceQuotas:\n  Rooms: 1\n  Logging configurations: 2\n  Rooms: 2\n", "confab.yaml:1: serviceQuotas", `"Rooms" is set twice`},
		{"a number for a mapping of quotas", "serviceQuotas: 5\n", "confab.yaml:1", "must be a mapping"},
		{"a mapping by the name of a flag", "message-review-handlers: {}\n", "confab.yaml:1", `did you mean "messageReviewHandlers"?`},
		{"a list", "- quotas\n", "CONFAB_CONFIG", "one \"name: value\" a line"},
		{"no YAML", "quotas: [\n", "CONFAB_CONFIG", "is not YAML"},
		{"TLS without its key", "tls-cert: a.pem\n", "confab.yaml:1: tls-cert", "needs --tls-key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, nil, nil, tt.file)
			wantError(t, err, tt.place, tt.want)
		})
	}
	t.Run("nothing but comments", func(t *testing.T) {
		if _, err := load(t, nil, nil, "# nothing\n"); err != nil {
			t.Error(err)
		}
	})
}

func TestLoad_mapping(t *testing.T) {
	c, err := load(t, nil, []string{"CONFAB_MESSAGEREVIEWHANDLERS=x=y"}, "region: us-east-1\n"+
		"messageReviewHandlers:\n  \"*:function:b\": http://127.0.0.1:9/?a=b\n  \"*:function:a\": exec:./bootstrap --fast\n  \"*\": lambda\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []MessageReviewHandler{{"*:function:b", "http://127.0.0.1:9/?a=b"}, {"*:function:a", "exec:./bootstrap --fast"}, {"*", "lambda"}}
	if !slices.Equal(c.MessageReviewHandlers, want) {
		t.Errorf("got %q, want %q in this order", c.MessageReviewHandlers, want)
	}
	if v := value(t, c, "messageReviewHandlers"); v.Source != "file confab.yaml:2" || v.Value != "*:function:b=http://127.0.0.1:9/?a=b, *:function:a=exec:./bootstrap --fast, *=lambda" {
		t.Errorf("it prints as %+v", v)
	}
	if err := c.Refuse("messageReviewHandlers", "*", "is wrong"); err.Error() != `confab.yaml:2: messageReviewHandlers "*": is wrong` {
		t.Error(err)
	}
}

func TestLoad_serviceQuotas(t *testing.T) {
	c, err := load(t, nil, []string{"CONFAB_SERVICEQUOTAS=Rooms=1"}, "quotas: aws\n"+
		"serviceQuotas:\n  Concurrent chat connections: 200000\n  Rooms: 0\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := []ServiceQuota{{"Concurrent chat connections", 200000}, {"Rooms", 0}}; !slices.Equal(c.ServiceQuotas, want) {
		t.Errorf("got %v, want %v", c.ServiceQuotas, want)
	}
	if v := value(t, c, "serviceQuotas"); v.Source != "file confab.yaml:2" || v.Value != "Concurrent chat connections=200000, Rooms=0" {
		t.Errorf("it prints as %+v", v)
	}
}

func TestDefault_runs(t *testing.T) {
	c, err := Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.sources = map[string]string{}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{})); diff != "" {
		t.Error(diff)
	}
	wantError(t, c.CheckRoot(), "CONFAB_ROOT_ACCESS_KEY_ID and CONFAB_ROOT_SECRET_ACCESS_KEY", "--dev")
}

func TestDev(t *testing.T) {
	t.Run("uses fixed credentials whatever is set", func(t *testing.T) {
		c, err := Load(map[string]string{"dev": "true", "region": "eu-west-1"}, []string{"CONFAB_ROOT_ACCESS_KEY_ID=AKIDMINE", "CONFAB_ROOT_SECRET_ACCESS_KEY=my-own-secret"})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{c.RootAccessKeyID, string(c.RootSecretAccessKey), c.AccountID, c.Region, c.DataDir, c.LogDestinations}
		if diff := cmp.Diff([]string{"AKIDCONFABDEV0000001", "confab-dev-secret-key-not-for-production", "000000000000", "eu-west-1", DevDataDir, "local"}, got); diff != "" {
			t.Error(diff)
		}
		if got := value(t, c, "account-id").Source; got != "--dev" {
			t.Errorf("the account comes from %q", got)
		}
		if err := c.CheckRoot(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"listen", "admin-listen"} {
		for _, address := range []string{":8090", "0.0.0.0:8090", "[::]:8090", "192.0.2.1:8090", "chat.example.com:8090"} {
			t.Run(name+" "+address+" is refused", func(t *testing.T) {
				_, err := Load(map[string]string{"dev": "true", name: address}, nil)
				wantError(t, err, "--"+name, "loopback")
			})
		}
		for _, address := range []string{"localhost:8090", "127.0.0.2:8090", "[::1]:8090"} {
			t.Run(name+" "+address, func(t *testing.T) {
				if _, err := Load(map[string]string{"dev": "true", name: address}, nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestSecrets(t *testing.T) {
	const secret = "do-not-show-me"
	c, err := Load(nil, []string{"CONFAB_ROOT_SECRET_ACCESS_KEY=" + secret, "CONFAB_SECRET_KEY=" + strings.Repeat("A", 43) + "="})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("print as dots", func(t *testing.T) {
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).InfoContext(t.Context(), "x", slog.Any("config", c), slog.Any("secret", c.RootSecretAccessKey))
		for _, out := range []string{fmt.Sprintf("%v %+v %#v %s", c, *c, c, c.RootSecretAccessKey), fmt.Sprint(c.Values()), log.String()} {
			if strings.Contains(out, secret) || strings.Contains(out, "AAAA") {
				t.Errorf("shown in %s", out)
			}
			if !strings.Contains(out, "••••") {
				t.Errorf("no dots in %s", out)
			}
		}
	})
	t.Run("stay out of errors", func(t *testing.T) {
		_, err := Load(nil, []string{"CONFAB_SECRET_KEY=" + secret})
		wantError(t, err, "CONFAB_SECRET_KEY", "32 bytes in base64")
		if strings.Contains(err.Error(), secret) {
			t.Error(err)
		}
	})
}

func TestKey(t *testing.T) {
	good := strings.Repeat("A", 43) + "="
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("from the environment", func(t *testing.T) {
		c, err := Load(nil, []string{"CONFAB_SECRET_KEY=" + good})
		if err != nil {
			t.Fatal(err)
		}
		if key, err := c.Key(); err != nil || len(key) != KeySize {
			t.Errorf("got %d bytes, %v", len(key), err)
		}
	})
	c, err := Load(map[string]string{"secret-key-file": file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("from a file", func(t *testing.T) {
		write(good + "\n")
		if key, err := c.Key(); err != nil || len(key) != KeySize {
			t.Errorf("got %d bytes, %v", len(key), err)
		}
	})
	t.Run("too short", func(t *testing.T) {
		write("QUJD")
		_, err := c.Key()
		wantError(t, err, "--secret-key-file", "its content must be 32 bytes")
	})
	t.Run("no file", func(t *testing.T) {
		os.Remove(file)
		_, err := c.Key()
		wantError(t, err, "--secret-key-file", "cannot be read: no such file")
	})
	t.Run("both", func(t *testing.T) {
		_, err := Load(map[string]string{"secret-key-file": file}, []string{"CONFAB_SECRET_KEY=" + good})
		wantError(t, err, "--secret-key-file", "remove one of the two")
	})
}

func TestHidePassword(t *testing.T) {
	for url, want := range map[string]string{
		"":                         "",
		"sqlite":                   "sqlite",
		"postgres://db:5432/chat":  "postgres://db:5432/chat",
		"postgres://user@db/chat":  "postgres://user@db/chat",
		"postgres://u:hunter2@db":  "postgres://u:••••••••@db",
		"postgres://u:a@b:c/d@e/f": "postgres://u:••••••••@e/f",
		"postgresql:///c?host=/run&password=hunter2&sslpassword=x&a=b": "postgresql:///c?host=/run&password=••••••••&sslpassword=••••••••&a=b",
	} {
		if got := HidePassword(url); got != want {
			t.Errorf("%s prints as %s, want %s", url, got, want)
		}
		c, err := Load(map[string]string{"database": url}, nil)
		if err != nil {
			continue
		}
		if got := value(t, c, "database").Value; got != want {
			t.Errorf("%s is shown as %s, want %s", url, got, want)
		}
		if c.Database != url {
			t.Errorf("%s is used as %s", url, c.Database)
		}
	}
}
