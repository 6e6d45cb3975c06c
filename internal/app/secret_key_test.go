package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"confab/internal/config"
)

func TestSecretKey(t *testing.T) {
	settings := func(t *testing.T) *config.Config {
		c := config.Default()
		c.DataDir = t.TempDir()
		return c
	}
	t.Run("is made once and kept", func(t *testing.T) {
		c := settings(t)
		first, err := secretKey(c)
		if err != nil || len(first) != config.KeySize {
			t.Fatalf("got %d bytes, %v", len(first), err)
		}
		if again, err := secretKey(c); err != nil || !bytes.Equal(again, first) {
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
	t.Run("is one for all who come at once", func(t *testing.T) {
		c := settings(t)
		keys := make([][]byte, 16)
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() { keys[i], _ = secretKey(c) })
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
		if _, err := secretKey(c); err == nil || !strings.Contains(err.Error(), "is missing; put it back") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("must be whole", func(t *testing.T) {
		c := settings(t)
		if err := os.WriteFile(filepath.Join(c.DataDir, keyFile), []byte("QUJD\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secretKey(c); err == nil || !strings.Contains(err.Error(), "must be 32 bytes") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("comes from the configuration first", func(t *testing.T) {
		c := settings(t)
		c.SecretKey = config.Secret(strings.Repeat("A", 43) + "=")
		if key, err := secretKey(c); err != nil || !bytes.Equal(key, make([]byte, config.KeySize)) {
			t.Errorf("got %d bytes, %v", len(key), err)
		}
		if files, _ := os.ReadDir(c.DataDir); len(files) != 0 {
			t.Errorf("the directory holds %v", files)
		}
	})
}
