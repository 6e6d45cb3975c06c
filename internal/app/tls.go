package app

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"

	"confab/internal/config"
)

// certificate is the TLS certificate of the main port. It can be read again
// while connections are being made.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// loadCertificate returns nil when c asks for no TLS.
func loadCertificate(c *config.Config) (*certificate, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	cert := &certificate{certFile: c.TLSCert, keyFile: c.TLSKey}
	return cert, cert.reload()
}

// reload reads the files again. When they cannot be used, the certificate in
// use stays.
func (c *certificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &config.Error{Place: "--tls-cert and --tls-key", Problem: fmt.Sprintf("cannot use %s with %s: %v", c.certFile, c.keyFile, err)}
	}
	c.current.Store(&pair)
	return nil
}

// config is how the main port speaks TLS. HTTP/1.1 is all that is offered; see
// front.NewHTTPServer. A frame that is delivered is one record from the first on: small
// ones would only help a browser that draws a page while it loads.
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
