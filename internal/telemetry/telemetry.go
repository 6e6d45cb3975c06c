// Package telemetry has the logger, and the registry of the metrics that /metrics serves. Each
// package registers its own metrics there. Logs and metrics never have a token, a secret, the
// content of a message or a user's attributes. No metric has a room or a user as a label.
package telemetry

//go:generate go test -run ^TestReference$ -update .
