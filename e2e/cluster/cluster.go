// Package cluster has the end-to-end tests of several nodes: all nodes have one order of
// frames, nodes start and stop under load, a secret changes, NATS and PostgreSQL become
// unavailable and return.
package cluster
