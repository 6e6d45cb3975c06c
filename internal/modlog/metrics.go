package modlog

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the metrics of the moderation log.
type Metrics struct {
	// Dropped counts the events that were not stored, because too many came or waited.
	Dropped prometheus.Counter
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{Dropped: promauto.With(r).NewCounter(prometheus.CounterOpts{
		Name: "confab_moderation_events_dropped_total",
		Help: "Events that are missing in the moderation log: hits of content filters above 100 a second, or too much waited for the database.",
	})}
}
