package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"confab/internal/telemetry"
)

// Metrics are the metrics of calls.
type Metrics struct {
	// Requests counts calls by operation and by exception name ("" when the call
	// succeeded).
	Requests *prometheus.CounterVec
	// Duration is how long a call took, by operation.
	Duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		Requests: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_api_requests_total",
			Help: "Control-plane calls by operation and exception; no exception means success.",
		}, []string{"operation", "exception"}),
		Duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "confab_api_request_duration_seconds",
			Help:    "Time of a control-plane call.",
			Buckets: telemetry.Seconds,
		}, []string{"operation"}),
	}
}
