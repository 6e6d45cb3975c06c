// Package restart restarts servers under many connections, which all connect again at the
// same time while calls of the API run: by a hand-over, behind a held socket, and with
// neither. TestRestarts asserts what is promised; make bench-restarts measures it with
// 10,000 connections for docs/measurements/restarts.md. It needs PostgreSQL.
package restart
