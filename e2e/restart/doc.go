// Package restart restarts servers that have many connections: by a hand-over, behind a
// held socket, and with neither. All clients connect again at the same time, and calls of the
// API run meanwhile. TestRestarts checks what the documents promise; "make bench-restarts"
// measures it with 10,000 connections for docs/measurements/restarts.md. It needs PostgreSQL.
package restart
