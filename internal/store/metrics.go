package store

import (
	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/chatlog"
	"confab/internal/contentfilter"
	"confab/internal/history"
	"confab/internal/modlog"
	"confab/internal/sqldb"
	"confab/internal/transcript"
	"confab/internal/webhook"
)

// Metrics are the metrics of the databases, and of what is kept in them.
type Metrics struct {
	SQL        *sqldb.Metrics
	Transcript *transcript.Metrics
	History    *history.Metrics
	Webhooks   *webhook.Metrics
	Filters    *contentfilter.Metrics
	Moderation *modlog.Metrics
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer, logs *chatlog.Metrics) *Metrics {
	hooks := webhook.NewMetrics(r)
	return &Metrics{
		SQL: sqldb.NewMetrics(r), Transcript: transcript.NewMetrics(r, logs, hooks), History: history.NewMetrics(r),
		Webhooks: hooks, Filters: contentfilter.NewMetrics(r), Moderation: modlog.NewMetrics(r),
	}
}
