package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"confab/internal/config"
)

// writeCertificate writes a self-signed certificate with the serial number, and
// its key, into dir.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestCertificate(t *testing.T) {
	c, dir := config.Default(), t.TempDir()
	c.TLSCert, c.TLSKey = writeCertificate(t, dir, 1)
	cert, err := loadCertificate(c)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", cert.config())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(io.Discard, conn) //nolint:errcheck // The client says how it went.
			}()
		}
	}()
	// shown returns the serial number that a client sees, and the protocol.
	shown := func() (serial int64, protocol string) {
		t.Helper()
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}}
		conn, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		state := conn.(*tls.Conn).ConnectionState()
		return state.PeerCertificates[0].SerialNumber.Int64(), state.NegotiatedProtocol
	}
	if serial, protocol := shown(); serial != 1 || protocol != "http/1.1" {
		t.Errorf("certificate %d over %s", serial, protocol)
	}
	writeCertificate(t, dir, 2)
	if serial, _ := shown(); serial != 1 {
		t.Error("the certificate changed before it was asked to")
	}
	if err := cert.reload(); err != nil {
		t.Fatal(err)
	}
	if serial, _ := shown(); serial != 2 {
		t.Error("the certificate was not replaced")
	}
	if err := os.WriteFile(c.TLSCert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cert.reload(); err == nil {
		t.Error("took a broken certificate")
	}
	if serial, _ := shown(); serial != 2 {
		t.Error("a broken file replaced the certificate in use")
	}
}

func TestLoadCertificate_none(t *testing.T) {
	if cert, err := loadCertificate(config.Default()); cert != nil || err != nil {
		t.Errorf("got %v, %v", cert, err)
	}
}
