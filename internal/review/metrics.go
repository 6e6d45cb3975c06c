package review

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"confab/internal/telemetry"
)

// Metrics are the metrics of message review.
type Metrics struct {
	// InvocationErrors and ResponseValidationErrors are by handler uri, as in
	// CloudWatch.
	InvocationErrors         *prometheus.CounterVec
	ResponseValidationErrors *prometheus.CounterVec
	// Results counts reviewed messages by handler uri and by Result.
	Results *prometheus.CounterVec
	// Duration is how long the handler took, by its uri.
	Duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		InvocationErrors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_review_invocation_errors_total",
			Help: "Message review handlers that could not be invoked (CloudWatch: InvocationErrors).",
		}, []string{"uri"}),
		ResponseValidationErrors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_review_response_validation_errors_total",
			Help: "Invalid answers of message review handlers (CloudWatch: ResponseValidationErrors).",
		}, []string{"uri"}),
		Results: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_review_results_total",
			Help: "Messages that went to message review, by result.",
		}, []string{"uri", "result"}),
		Duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "confab_review_duration_seconds",
			Help:    "Time that a message review handler took, the wait for it included.",
			Buckets: telemetry.Seconds,
		}, []string{"uri"}),
	}
}
