package transcript

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"confab/internal/chatlog"
	"confab/internal/webhook"
)

// Metrics are the metrics of the transcript.
type Metrics struct {
	// FramesDropped counts frames that could not be kept for their readers.
	FramesDropped prometheus.Counter
	// RecordsDropped is that of chatlog.Metrics, for records that are too old.
	RecordsDropped *prometheus.CounterVec
	// EventsDropped is Dropped of webhook.Metrics.
	EventsDropped *prometheus.CounterVec
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer, logs *chatlog.Metrics, hooks *webhook.Metrics) *Metrics {
	return &Metrics{
		FramesDropped: promauto.With(r).NewCounter(prometheus.CounterOpts{
			Name: "confab_transcript_dropped_total",
			Help: "Frames that were delivered but could not be kept for logging.",
		}),
		RecordsDropped: logs.RecordsDropped,
		EventsDropped:  hooks.Dropped,
	}
}
