package history

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the metrics of the history.
type Metrics struct {
	// CompactionLag is the age of the oldest frame of this server that waits for a
	// compaction, while compactions fail; otherwise 0.
	CompactionLag prometheus.Gauge
	// FailedReads counts reads without an answer of the database, or of damaged bodies.
	FailedReads prometheus.Counter
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		CompactionLag: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_history_compaction_lag_seconds",
			Help: "How long kept frames of this server wait for a compaction that fails; 0 while it works.",
		}),
		FailedReads: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_history_failed_reads_total",
			Help: "Reads of the history of rooms that failed: lists of messages, and joins.",
		}),
	}
}
