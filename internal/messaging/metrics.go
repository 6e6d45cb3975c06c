package messaging

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"confab/internal/chat"
	"confab/internal/telemetry"
)

// Metrics are the metrics of rooms, sessions and messages.
type Metrics struct {
	// ConcurrentChatConnections is CloudWatch's metric of that name.
	ConcurrentChatConnections prometheus.Gauge
	// Requests, by action, is MessagingRequests (the sum) and Requests (by Action):
	// accepted SendMessage, DeleteMessage, DisconnectUser, SendEvent.
	Requests *prometheus.CounterVec
	// Deliveries, by action, is MessagingDeliveries (the sum) and Deliveries (by Action).
	Deliveries *prometheus.CounterVec
	// LiveRooms is how many rooms this node holds in memory.
	LiveRooms prometheus.Gauge
	// HistoryUnavailable counts rooms whose history could not be read for clients that
	// joined, and joined without it.
	HistoryUnavailable prometheus.Counter
	// PublishDuration is the time from receipt of a request to its delivery being
	// queued on this node, by action.
	PublishDuration *prometheus.HistogramVec
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		ConcurrentChatConnections: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_concurrent_chat_connections",
			Help: "Connections to all rooms (CloudWatch: ConcurrentChatConnections).",
		}),
		Requests: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_messaging_requests_total",
			Help: "Accepted messaging requests over WebSocket and HTTP (CloudWatch: MessagingRequests, Requests).",
		}, []string{"action"}),
		Deliveries: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_messaging_deliveries_total",
			Help: "Frames queued for connections (CloudWatch: MessagingDeliveries, Deliveries).",
		}, []string{"action"}),
		LiveRooms: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_live_rooms",
			Help: "Rooms held in memory by this node.",
		}),
		HistoryUnavailable: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_history_unavailable_total",
			Help: "Failed reads of a room's history for clients that join; they join without it.",
		}),
		PublishDuration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "confab_publish_duration_seconds",
			Help:    "Time from receipt of a messaging request to delivery being queued.",
			Buckets: telemetry.Seconds,
		}, []string{"action"}),
	}
}

// actionMetrics are the metrics of one action, looked up once.
type actionMetrics struct {
	requests   prometheus.Counter
	deliveries prometheus.Counter
	duration   prometheus.Observer
}

func newActionMetrics(m *Metrics) map[chat.Action]*actionMetrics {
	actions := make(map[chat.Action]*actionMetrics)
	for _, a := range []chat.Action{chat.ActionSendMessage, chat.ActionDeleteMessage, chat.ActionDisconnectUser, chat.ActionSendEvent} {
		actions[a] = &actionMetrics{
			requests:   m.Requests.WithLabelValues(string(a)),
			deliveries: m.Deliveries.WithLabelValues(string(a)),
			duration:   m.PublishDuration.WithLabelValues(string(a)),
		}
	}
	return actions
}
