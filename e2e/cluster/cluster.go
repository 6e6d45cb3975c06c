// Package cluster has the end-to-end tests of several nodes as one service: they
// agree on one order, nodes start and stop under load, a secret changes, NATS and
// PostgreSQL are lost and return.
package cluster
