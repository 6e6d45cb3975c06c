// Package telemetry has the logger, and the registry of the metrics that /metrics
// serves: each package registers its own there. Neither ever carries a token, a secret,
// the content of a message or a user's attributes; no metric has a room or a user as a
// label.
package telemetry

//go:generate go test -run ^TestReference$ -update .
