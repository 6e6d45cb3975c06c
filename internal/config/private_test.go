package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestQuotes holds that a value of the environment that kept its quotes is
// refused with a word about them, and that a secret is not repeated.
func TestQuotes(t *testing.T) {
	for _, s := range Settings() {
		if s.FileOnly {
			continue
		}
		for _, quote := range []string{`"`, `'`} {
			_, err := Load(nil, []string{s.Environment() + "=" + quote + "hunter2" + quote})
			if err == nil || !strings.HasPrefix(err.Error(), s.Environment()) || !strings.Contains(err.Error(), "must not be in quotes") {
				t.Errorf("%s in %s: %v", s.Environment(), quote, err)
			} else if s.EnvironmentOnly && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s is repeated: %v", s.Environment(), err)
			}
		}
	}
}

// TestSecretFiles holds what a person may do to a file with a secret.
func TestSecretFiles(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	key := strings.Repeat("A", 43) + "="
	for _, tt := range []struct {
		name, before, after string
		mode                os.FileMode
		want                string // of the refusal
	}{
		{name: "a line", after: "\n"},
		{name: "an editor of Windows", before: "\ufeff", after: "\r\n"},
		{name: "quotes", before: `"`, after: "\"\n", want: "must not be in quotes"},
		{name: "a group that reads", mode: 0o640},
		{name: "all users can read", mode: 0o644, want: "can be read by every user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "file")
			write := func(text string) {
				if err := os.WriteFile(name, []byte(tt.before+text+tt.after), 0o600); err != nil {
					t.Fatal(err)
				}
				if tt.mode != 0 {
					if err := os.Chmod(name, tt.mode); err != nil {
						t.Fatal(err)
					}
				}
			}
			c := Default()
			c.ClusterSecretFile, c.SecretKeyFile = name, name
			write(secret)
			got, clusterErr := c.ClusterKey()
			if clusterErr == nil && got != secret {
				t.Errorf("the cluster secret is %q", got)
			}
			write(key)
			_, keyErr := c.Key()
			for _, err := range []error{clusterErr, keyErr} {
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			}
		})
	}
}

func TestFileWithMark(t *testing.T) {
	c, err := load(t, nil, nil, "\ufeffregion: eu-west-1\r\naccount-id: \"000000000042\"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "eu-west-1" || c.AccountID != "000000000042" {
		t.Errorf("region %q, account %q", c.Region, c.AccountID)
	}
}
