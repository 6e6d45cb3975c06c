package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T, certFile, keyFile string) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "database"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t)
	for path, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))(t)},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPostgresHosts is one server with TLS, and then it as the first of two.
func TestPostgresHosts(t *testing.T) {
	t.Parallel()
	first := pgtest.Start(t, "fsync=off")

	t.Run("a certificate is verified", func(t *testing.T) {
		ca, key := filepath.Join(first.Dir(), "server.crt"), filepath.Join(first.Dir(), "server.key")
		certificate(t, ca, key)
		owner := must(os.Stat(first.Dir()))(t).Sys().(*syscall.Stat_t)
		for _, path := range []string{ca, key} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
		first.Exec(t, `ALTER SYSTEM SET ssl = on`, `SELECT pg_reload_conf()`)
		url := first.Database(t)
		open := func(ca string) (*store.DB, error) {
			return store.Open(t.Context(), options("", func(o *store.Options) {
				o.Database = with(t, url, "sslmode", "verify-full", "sslrootcert", ca)
			}))
		}
		var db *store.DB
		until(t, "it speaks TLS", func() bool {
			var err error
			db, err = open(ca)
			return err == nil
		})
		defer db.Close()
		create(t, db, &chat.Room{})
		var plain int
		if err := pgtest.Connect(t, url).QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
			WHERE application_name LIKE 'confab/%' AND NOT ssl`).Scan(&plain); err != nil || plain > 0 {
			t.Errorf("%d connections are without TLS, %v", plain, err)
		}
		other := filepath.Join(t.TempDir(), "other.crt")
		certificate(t, other, other+".key")
		if db, err := open(other); err == nil {
			db.Close()
			t.Error("a certificate of another authority was accepted")
		} else if !strings.Contains(err.Error(), "certificate") || !strings.Contains(err.Error(), "--database") || strings.Contains(err.Error(), "\n") {
			t.Errorf("the refusal is %v", err)
		}
	})

	t.Run("the second host is used when the first stops", func(t *testing.T) {
		url := migrated(t)
		name := url[strings.LastIndexByte(url, '/')+1 : strings.IndexByte(url, '?')]
		first.Exec(t, `CREATE DATABASE `+name)
		address := pgtest.Shared(t).Address()
		db := opened(func(o *store.Options) { o.Database = strings.Replace(url, address, first.Address()+","+address, 1) })(t)
		room := create(t, db, &chat.Room{Name: "on the first"})
		first.Stop(t)
		until(t, "a room is created", func() bool { return db.CreateRoom(t.Context(), &chat.Room{}, 0) == nil })
		until(t, "the second one answers", func() bool {
			_, err := db.Room(t.Context(), room.ARN.ID)
			return chat.CodeOf(err) == chat.NotFound // It is no replica.
		})
	})
}
