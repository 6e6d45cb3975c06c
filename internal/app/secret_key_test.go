package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"confab/internal/config"
)

// quiet logs nothing.
var quiet = slog.New(slog.DiscardHandler)

func TestSecretKey(t *testing.T) {
	settings := func(t *testing.T) *config.Config {
		c := config.Default()
		c.DataDir = t.TempDir()
		return c
	}
	t.Run("is made once and kept", func(t *testing.T) {
		c := settings(t)
		first, err := secretKey(t.Context(), c, quiet)
		if err != nil || len(first) != config.KeySize {
			t.Fatalf("got %d bytes, %v", len(first), err)
		}
		if again, err := secretKey(t.Context(), c, quiet); err != nil || !bytes.Equal(again, first) {
			t.Errorf("the second time another key, or %v", err)
		}
		files, _ := os.ReadDir(c.DataDir)
		if len(files) != 1 || files[0].Name() != keyFile {
			t.Errorf("the directory holds %v", files)
		}
		if info, _ := files[0].Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	})
	t.Run("is the same for all processes that start at once", func(t *testing.T) {
		c := settings(t)
		keys := make([][]byte, 16)
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() { keys[i], _ = secretKey(t.Context(), c, quiet) })
		}
		wg.Wait()
		for _, k := range keys {
			if len(k) != config.KeySize || !bytes.Equal(k, keys[0]) {
				t.Fatal("two keys")
			}
		}
	})
	t.Run("is not replaced beside a database", func(t *testing.T) {
		c := settings(t)
		if err := os.WriteFile(filepath.Join(c.DataDir, "confab.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secretKey(t.Context(), c, quiet); err == nil || !strings.Contains(err.Error(), "is missing; put it back") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("must have its full length", func(t *testing.T) {
		c := settings(t)
		if err := os.WriteFile(filepath.Join(c.DataDir, keyFile), []byte("QUJD\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secretKey(t.Context(), c, quiet); err == nil || !strings.Contains(err.Error(), "must be 32 bytes") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("in the configuration takes precedence", func(t *testing.T) {
		c := settings(t)
		c.SecretKey = config.Secret(strings.Repeat("A", 43) + "=")
		if key, err := secretKey(t.Context(), c, quiet); err != nil || !bytes.Equal(key, make([]byte, config.KeySize)) {
			t.Errorf("got %d bytes, %v", len(key), err)
		}
		if files, _ := os.ReadDir(c.DataDir); len(files) != 0 {
			t.Errorf("the directory holds %v", files)
		}
	})
	t.Run("is found beside a database whatever the directory is called", func(t *testing.T) {
		parent := t.TempDir()
		for _, name := range []string{"a?c", "abc", "chat[1]", "chat1", "50%25", "a*", "x#y", "back\\slash"} {
			c := config.Default()
			c.DataDir = filepath.Join(parent, name)
			if err := os.Mkdir(c.DataDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := secretKey(t.Context(), c, quiet); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			key := filepath.Join(c.DataDir, keyFile)
			for _, file := range []string{"tokens.db", "transcript.db", "confab.db"} {
				path := filepath.Join(c.DataDir, file)
				if err := os.Rename(key, path); err != nil {
					t.Fatal(err)
				}
				key = path
				if _, err := secretKey(t.Context(), c, quiet); err == nil || !strings.Contains(err.Error(), path+" is missing") {
					t.Errorf("%s: got %v", path, err)
				}
			}
		}
	})
	t.Run("loses the permissions of others if Confab made the file", func(t *testing.T) {
		c := settings(t)
		first, err := secretKey(t.Context(), c, quiet)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(c.DataDir, keyFile)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		again, err := secretKey(t.Context(), c, slog.New(slog.NewTextHandler(&lines, nil)))
		if err != nil || !bytes.Equal(again, first) {
			t.Errorf("another key, or %v", err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if !strings.Contains(lines.String(), "Secret key was readable") {
			t.Errorf("the log has %q", lines.String())
		}
	})
	t.Run("is refused in a file of its own that others can read", func(t *testing.T) {
		c := settings(t)
		c.SecretKeyFile = filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(c.SecretKeyFile, []byte("\ufeff"+strings.Repeat("A", 43)+"=\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []os.FileMode{0o600, 0o400, 0o640, 0o644, 0o604, 0o666} {
			if err := os.Chmod(c.SecretKeyFile, mode); err != nil {
				t.Fatal(err)
			}
			_, err := secretKey(t.Context(), c, quiet)
			if refused := err != nil && strings.Contains(err.Error(), "can be read by every user"); refused != (mode&0o004 != 0) {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
	})
}
