package app

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"

	"confab/internal/config"
)

// certificate is the TLS certificate of the main port. It may be reloaded while
// connections are made.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// loadCertificate returns nil if c does not configure TLS.
func loadCertificate(c *config.Config) (*certificate, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	cert := &certificate{certFile: c.TLSCert, keyFile: c.TLSKey}
	return cert, cert.reload()
}

// reload reads the files again. If they cannot be used, the present certificate
// stays.
func (c *certificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &config.Error{Place: "--tls-cert and --tls-key", Problem: fmt.Sprintf("cannot use %s with %s: %v", c.certFile, c.keyFile, err)}
	}
	c.current.Store(&pair)
	return nil
}

// config is the TLS configuration of the main port. It offers only HTTP/1.1; see
// front.NewHTTPServer. Dynamic record sizes are disabled, so a delivered frame is one
// record: small records only help a browser that draws a page while it loads.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		NextProtos:                  []string{"http/1.1"},
		DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
