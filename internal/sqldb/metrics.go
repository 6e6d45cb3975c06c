package sqldb

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"confab/internal/telemetry"
)

// Metrics are the metrics of databases.
type Metrics struct {
	// CommitDuration and CommitSize describe group commits, by database file.
	CommitDuration *prometheus.HistogramVec
	CommitSize     *prometheus.HistogramVec
	// Errors counts failed writes and reads, by database file.
	Errors *prometheus.CounterVec
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		CommitDuration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "confab_commit_duration_seconds",
			Help:    "Time of a database commit, by file.",
			Buckets: telemetry.Seconds,
		}, []string{"file"}),
		CommitSize: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "confab_commit_size",
			Help:    "Writes that share one database commit, by file.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}, []string{"file"}),
		Errors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_store_errors_total",
			Help: "Database operations that failed, by file.",
		}, []string{"file"}),
	}
}
