package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// minClusterSecret is the minimum length of a cluster secret in bytes. Programs that reach
// the port can try secrets, so a short one could be guessed.
const minClusterSecret = 16

var nodeNamePattern = pattern(`^[A-Za-z0-9._-]+$`)

func parseNodeName(s string) (string, error) {
	if !nodeNamePattern().MatchString(s) || len(s) > 64 {
		return "", errors.New("must be 1 to 64 letters, digits, ., _ and -")
	}
	return s, nil
}

func parsePeers(s string) ([]string, error) { return parseURLs(s, "nats") }

func parseNATS(s string) ([]string, error) { return parseURLs(s, "nats", "tls") }

func parseURLs(s string, schemes ...string) ([]string, error) {
	list := splitList(s)
	for _, part := range list {
		u, err := url.Parse(part)
		if err != nil || !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
			return nil, fmt.Errorf("must be a list of addresses like %s://host:4222", schemes[0])
		}
		if _, secret := u.User.Password(); secret {
			return nil, errors.New("must not contain a password, because lists of processes show it: use --cluster-secret-file or --nats-credentials")
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("must be a list of addresses like %s://host:4222", schemes[0])
	}
	return list, nil
}

func parseClusterSecret(s string) (Secret, error) {
	if len(s) < minClusterSecret || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("must be at least %d printable ASCII characters without spaces, as openssl rand -hex 32 prints them", minClusterSecret)
	}
	return Secret(s), nil
}

// Clustered reports whether this is one node of several.
func (c *Config) Clustered() bool { return c.ClusterListen != "" || len(c.NATS) > 0 }

// CheckShared returns an *Error for a cluster whose nodes would each have a database of their own.
func (c *Config) CheckShared() error {
	if !c.Clustered() || strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://") {
		return nil
	}
	name := "cluster-listen"
	if c.ClusterListen == "" {
		name = "nats"
	}
	return &Error{Place: c.place(name), Problem: "the nodes of a cluster share a database: set --database postgres://…"}
}

// checkCluster checks the settings of a cluster together.
func (c *Config) checkCluster() error {
	switch {
	case c.ClusterListen != "" && len(c.NATS) > 0:
		return &Error{Place: c.place("nats"), Problem: "--cluster-listen is set as well: set one of the two. --cluster-listen uses the built-in NATS, --nats an existing one"}
	case c.ClusterListen == "" && len(c.ClusterPeers) > 0:
		return &Error{Place: c.place("cluster-peers"), Problem: "needs --cluster-listen as well"}
	case len(c.NATS) == 0 && c.NATSCredentials != "":
		return &Error{Place: c.place("nats-credentials"), Value: c.NATSCredentials, Problem: "needs --nats as well"}
	case (c.ClusterTLSCert == "") != (c.ClusterTLSKey == ""):
		have, miss := "cluster-tls-cert", "cluster-tls-key"
		if c.ClusterTLSCert == "" {
			have, miss = miss, have
		}
		return &Error{Place: c.place(have), Problem: "needs --" + miss + " as well: TLS needs a certificate and its key"}
	case c.ClusterListen != "" && c.ClusterTLSCA != "" && c.ClusterTLSCert == "":
		return &Error{Place: c.place("cluster-tls-ca"), Value: c.ClusterTLSCA, Problem: "needs --cluster-tls-cert as well: each node shows its certificate to the others"}
	case c.ClusterSecret != "" && c.ClusterSecretFile != "":
		return &Error{Place: c.place("cluster-secret-file"), Value: c.ClusterSecretFile, Problem: "CONFAB_CLUSTER_SECRET is set as well: remove one of the two"}
	case c.ClusterListen != "" && !loopback(c.ClusterListen) && c.ClusterSecret == "" && c.ClusterSecretFile == "":
		return &Error{Place: c.place("cluster-listen"), Value: c.ClusterListen, Problem: "other machines may reach this address: set --cluster-secret-file or CONFAB_CLUSTER_SECRET, the same on all nodes"}
	}
	return nil
}

// ClusterKey returns the secret that the nodes share, "" if none is set. It reads
// --cluster-secret-file; every failure is an *Error.
func (c *Config) ClusterKey() (string, error) {
	if c.ClusterSecretFile == "" {
		return string(c.ClusterSecret), nil
	}
	refuse := func(problem string) error {
		return &Error{Place: c.place("cluster-secret-file"), Value: c.ClusterSecretFile, Problem: problem}
	}
	text, problem := readSecretFile(c.ClusterSecretFile)
	if problem != "" {
		return "", refuse(problem)
	}
	key, err := parseClusterSecret(text)
	if quoted(text) {
		err = errors.New(withoutQuotes)
	}
	if err != nil {
		return "", refuse("its content " + err.Error())
	}
	return string(key), nil
}
