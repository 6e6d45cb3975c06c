package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Seconds are the buckets of durations: from 0.1 ms, which a call in memory takes, to 10 s,
// which a held one may take.
var Seconds = prometheus.ExponentialBucketsRange(0.0001, 10, 16)

// NewRegistry returns a registry with the metrics of Go, of the process and of its
// log. Each package registers its own metrics there.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	RegisterOutput(r)
	return r
}

// RegisterOutput registers the metrics of Output.
func RegisterOutput(r prometheus.Registerer) {
	promauto.With(r).NewCounterFunc(prometheus.CounterOpts{
		Name: "confab_log_lines_dropped_total",
		Help: "Lines of this process's own log that its reader did not take in time.",
	}, func() float64 { return float64(linesDropped.Load()) })
}
