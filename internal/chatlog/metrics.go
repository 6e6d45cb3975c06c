package chatlog

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the metrics of chat logging.
type Metrics struct {
	// DestinationErrors and the next two are by logging configuration (its ARN), as in
	// CloudWatch.
	DestinationErrors      *prometheus.CounterVec
	AccessDeniedErrors     *prometheus.CounterVec
	ResourceNotFoundErrors *prometheus.CounterVec
	// Records counts records that a destination acknowledged, by its type.
	Records *prometheus.CounterVec
	// RecordsDropped counts records that a destination will never have, by logging
	// configuration (its ARN). Package transcript counts those that are too old.
	RecordsDropped *prometheus.CounterVec
	// Lag is the age of the oldest record that was not delivered, by type of
	// destination.
	Lag *prometheus.GaugeVec
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		DestinationErrors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_log_destination_errors_total",
			Help: "Failed deliveries of chat logs (CloudWatch: LogDestinationErrors).",
		}, []string{"logging_configuration"}),
		AccessDeniedErrors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_log_destination_access_denied_errors_total",
			Help: "Chat log deliveries that were denied (CloudWatch: LogDestinationAccessDeniedError).",
		}, []string{"logging_configuration"}),
		ResourceNotFoundErrors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_log_destination_resource_not_found_errors_total",
			Help: "Chat log deliveries to a missing destination (CloudWatch: LogDestinationResourceNotFoundErrors).",
		}, []string{"logging_configuration"}),
		Records: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_log_records_total",
			Help: "Chat log records that a destination has acknowledged, by its type.",
		}, []string{"destination"}),
		RecordsDropped: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_log_records_dropped_total",
			Help: "Chat log records that will never be delivered: too old, too large or refused for good.",
		}, []string{"logging_configuration"}),
		Lag: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "confab_log_lag_seconds",
			Help: "Age of the oldest chat log record that was not delivered, by type of destination.",
		}, []string{"destination"}),
	}
}
