package messaging

import (
	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/chat"
	"confab/internal/telemetry"
)

// actionMetrics are the metrics of one action, looked up once.
type actionMetrics struct {
	requests   prometheus.Counter
	deliveries prometheus.Counter
	duration   prometheus.Observer
}

func newActionMetrics(m *telemetry.Metrics) map[chat.Action]*actionMetrics {
	actions := make(map[chat.Action]*actionMetrics)
	for _, a := range []chat.Action{chat.ActionSendMessage, chat.ActionDeleteMessage, chat.ActionDisconnectUser, chat.ActionSendEvent} {
		actions[a] = &actionMetrics{
			requests:   m.MessagingRequests.WithLabelValues(string(a)),
			deliveries: m.MessagingDeliveries.WithLabelValues(string(a)),
			duration:   m.PublishDuration.WithLabelValues(string(a)),
		}
	}
	return actions
}
