package edge

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"confab/internal/telemetry"
)

// Metrics are the metrics of handshakes and connections.
type Metrics struct {
	// Handshakes counts WebSocket handshakes by result: "accepted" or why not.
	Handshakes *prometheus.CounterVec
	// HandshakesHeld is how many handshakes are held back now.
	HandshakesHeld prometheus.Gauge
	// HandshakeDuration is the time from request to 101.
	HandshakeDuration prometheus.Histogram
	// ErrorFrames counts ERROR frames by code.
	ErrorFrames *prometheus.CounterVec
	// SessionsEnded counts ended sessions by reason.
	SessionsEnded *prometheus.CounterVec
	// PendingBytes is the number of bytes that wait in memory for slow receivers.
	PendingBytes prometheus.Gauge
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		Handshakes: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_handshakes_total",
			Help: "WebSocket handshakes by result.",
		}, []string{"result"}),
		HandshakesHeld: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_handshakes_held",
			Help: "WebSocket handshakes that are being held back by a connect rate.",
		}),
		HandshakeDuration: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "confab_handshake_duration_seconds",
			Help:    "Time from a WebSocket request to its 101.",
			Buckets: telemetry.Seconds,
		}),
		ErrorFrames: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_error_frames_total",
			Help: "ERROR frames sent, by ErrorCode.",
		}, []string{"code"}),
		SessionsEnded: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_sessions_ended_total",
			Help: "Sessions that ended, by reason.",
		}, []string{"reason"}),
		PendingBytes: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_pending_bytes",
			Help: "Bytes that wait in memory for slow receivers.",
		}),
	}
}
