// Package telemetry says how Confab is doing: the metrics that /metrics serves
// and the logger. Neither ever carries a token, a secret, the content of a
// message or a user's attributes; no metric has a room or a user as a label.
package telemetry

//go:generate go test -run ^TestReference$ -update .
