package contentfilter

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the metrics of content filters.
type Metrics struct {
	// Filters is how many filters are in force.
	Filters prometheus.Gauge
	// Hits counts, by action, how often a filter matched a message.
	Hits *prometheus.CounterVec
	// Duration is the time that the filters of a room take for a message.
	Duration prometheus.Histogram
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		Filters: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_content_filters",
			Help: "Content filters in force on this node, of all rooms.",
		}),
		Hits: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_content_filter_hits_total",
			Help: "Messages that a content filter matched, by the filter's action: DENY, HIDE, MASK, FLAG.",
		}, []string{"action"}),
		Duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "confab_content_filter_duration_seconds",
			Help:    "Time that all content filters of a room take for one message.",
			Buckets: []float64{0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025},
		}),
	}
}
