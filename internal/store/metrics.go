package store

import (
	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/chatlog"
	"confab/internal/contentfilter"
	"confab/internal/history"
	"confab/internal/sqldb"
	"confab/internal/transcript"
)

// Metrics are the metrics of the databases, and of what is kept in them.
type Metrics struct {
	SQL        *sqldb.Metrics
	Transcript *transcript.Metrics
	History    *history.Metrics
	Filters    *contentfilter.Metrics
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer, logs *chatlog.Metrics) *Metrics {
	return &Metrics{
		SQL: sqldb.NewMetrics(r), Transcript: transcript.NewMetrics(r, logs), History: history.NewMetrics(r), Filters: contentfilter.NewMetrics(r),
	}
}
