package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/api"
	"confab/internal/chatlog"
	"confab/internal/cluster"
	"confab/internal/edge"
	"confab/internal/messaging"
	"confab/internal/review"
	"confab/internal/series"
	"confab/internal/store"
	"confab/internal/telemetry"
)

// Metrics are the metrics of all packages. Those that IVS Chat has in CloudWatch (namespace
// AWS/IVSChat) are among them, under Prometheus names.
type Metrics struct {
	registry *prometheus.Registry // where they are served from
	recorder *series.Recorder     // what GetMetrics shows

	Messaging *messaging.Metrics
	Edge      *edge.Metrics
	API       *api.Metrics
	Review    *review.Metrics
	ChatLog   *chatlog.Metrics
	Store     *store.Metrics
	Cluster   *cluster.Metrics
}

// newMetrics makes the metrics of a server, in a registry of their own.
func newMetrics() *Metrics {
	r := telemetry.NewRegistry()
	m := NewMetrics(r)
	m.registry, m.recorder = r, series.NewRecorder(r, time.Now)
	return m
}

// NewMetrics registers all metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	logs := chatlog.NewMetrics(r)
	return &Metrics{
		Messaging: messaging.NewMetrics(r),
		Edge:      edge.NewMetrics(r),
		API:       api.NewMetrics(r),
		Review:    review.NewMetrics(r),
		ChatLog:   logs,
		Store:     store.NewMetrics(r, logs),
		Cluster:   cluster.NewMetrics(r),
	}
}
