package webhook

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the metrics of webhooks, by their ids.
type Metrics struct {
	// Events counts events that endpoints have acknowledged, Errors failed calls, Dropped
	// events that were too old or too many.
	Events, Errors, Dropped *prometheus.CounterVec
	// Lag is the age of the oldest event that was not delivered.
	Lag *prometheus.GaugeVec
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	label := []string{"webhook"}
	return &Metrics{
		Events: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_webhook_events_total",
			Help: "Events that the endpoint of a webhook has acknowledged.",
		}, label),
		Errors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_webhook_errors_total",
			Help: "Failed calls of a webhook, retries included.",
		}, label),
		Dropped: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_webhook_events_dropped_total",
			Help: "Events that a webhook will never get: older than --webhook-retention, or more than is kept.",
		}, label),
		Lag: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "confab_webhook_lag_seconds",
			Help: "Age of the oldest event that a webhook did not get yet.",
		}, label),
	}
}
