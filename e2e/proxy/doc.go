// Package proxy runs the reverse proxies of deploy/proxies, as they are shipped, in front of
// one node and of three. AWS SDKs and official chat clients work through them, also while
// every node restarts or hands over to its successor. It needs nginx, haproxy, caddy, node and
// PostgreSQL, which "make setup" installs.
package proxy
