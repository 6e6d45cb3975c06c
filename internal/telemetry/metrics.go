package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are all metrics of one server. The first group carries the ten
// CloudWatch metrics of IVS Chat (namespace AWS/IVSChat) under Prometheus names;
// the rest is what an operator needs to see trouble coming.
type Metrics struct {
	Registry *prometheus.Registry

	// ConcurrentChatConnections is CloudWatch's metric of that name.
	ConcurrentChatConnections prometheus.Gauge
	// MessagingRequests, by action, is MessagingRequests (the sum) and Requests
	// (by Action): accepted SendMessage, DeleteMessage, DisconnectUser, SendEvent.
	MessagingRequests *prometheus.CounterVec
	// MessagingDeliveries, by action, is MessagingDeliveries (the sum) and
	// Deliveries (by Action).
	MessagingDeliveries *prometheus.CounterVec
	// InvocationErrors and ResponseValidationErrors are by handler uri.
	InvocationErrors         *prometheus.CounterVec
	ResponseValidationErrors *prometheus.CounterVec
	// ReviewResults counts reviewed messages by handler uri and by result, of
	// which package review has the list.
	ReviewResults *prometheus.CounterVec
	// ReviewDuration is how long the handler took, by its uri.
	ReviewDuration *prometheus.HistogramVec
	// LogDestination… are by logging configuration (its ARN).
	LogDestinationErrors                 *prometheus.CounterVec
	LogDestinationAccessDeniedErrors     *prometheus.CounterVec
	LogDestinationResourceNotFoundErrors *prometheus.CounterVec

	// APIRequests counts control-plane calls by operation and by exception name
	// ("" when the call succeeded).
	APIRequests *prometheus.CounterVec
	// APIDuration is how long a control-plane call took, by operation.
	APIDuration *prometheus.HistogramVec
	// Handshakes counts WebSocket handshakes by result: "accepted" or why not.
	Handshakes *prometheus.CounterVec
	// HandshakesHeld is how many handshakes are being held back right now.
	HandshakesHeld prometheus.Gauge
	// HandshakeDuration is the time from request to 101.
	HandshakeDuration prometheus.Histogram
	// ErrorFrames counts ERROR frames by code.
	ErrorFrames *prometheus.CounterVec
	// SessionsEnded counts ended sessions by reason.
	SessionsEnded *prometheus.CounterVec
	// LiveRooms is how many rooms this node holds in memory.
	LiveRooms prometheus.Gauge
	// HistoryUnavailable counts rooms whose history could not be read for clients that
	// joined, and joined without it.
	HistoryUnavailable prometheus.Counter
	// PublishDuration is the time from receipt of a request to its delivery
	// being queued on this node, by action.
	PublishDuration *prometheus.HistogramVec
	// PendingBytes is what slow receivers are owed in memory.
	PendingBytes prometheus.Gauge
	// CommitDuration and CommitSize describe group commits, by database file.
	CommitDuration *prometheus.HistogramVec
	CommitSize     *prometheus.HistogramVec
	// StoreErrors counts failed writes and reads, by database file.
	StoreErrors *prometheus.CounterVec
	// TranscriptDropped counts frames that could not be kept for their readers.
	TranscriptDropped prometheus.Counter
	// LogRecords counts records that a destination acknowledged, by its type.
	LogRecords *prometheus.CounterVec
	// LogRecordsDropped counts records that a destination will never have, by
	// logging configuration (its ARN).
	LogRecordsDropped *prometheus.CounterVec
	// LogLag is the age of the oldest record that was not delivered, by type of
	// destination.
	LogLag *prometheus.GaugeVec

	// Cluster… are zero on a node on its own. ClusterMembers and ClusterView are
	// the size and the number of the current view, ClusterHomes the rooms with
	// recent traffic whose home is here.
	ClusterMembers     prometheus.Gauge
	ClusterView        prometheus.Gauge
	ClusterHomes       prometheus.Gauge
	ClusterViewChanges prometheus.Counter
	// ClusterFramesSent and ClusterFramesReceived count frames between nodes.
	ClusterFramesSent     prometheus.Counter
	ClusterFramesReceived prometheus.Counter
	// ClusterFramesCompleted counts frames that a change of the view brought to
	// this node's connections, ClusterGapsFilled answers to questions for frames
	// that were lost on the way, ClusterFramesLost those that could not be had.
	ClusterFramesCompleted prometheus.Counter
	ClusterGapsFilled      prometheus.Counter
	ClusterFramesLost      prometheus.Counter
	// ClusterJumps counts rooms whose frames here were not those of the others:
	// after nodes could not hear each other.
	ClusterJumps prometheus.Counter
	// ClusterHeldFrames are frames that no other node is known to have yet.
	ClusterHeldFrames prometheus.Gauge
	// ClusterLeaseWaits counts operations that waited for the cluster.
	ClusterLeaseWaits prometheus.Counter
	// ClusterRequestDuration is the time of an operation at a home on another node.
	ClusterRequestDuration prometheus.Observer
}

// NewMetrics makes the metrics and registers them, Go's and the process's own
// included, in a registry of their own.
func NewMetrics() *Metrics {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &Metrics{Registry: reg}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "confab_" + name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "confab_" + name, Help: help})
		reg.MustRegister(g)
		return g
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "confab_" + name, Help: help, Buckets: buckets}, labels)
		reg.MustRegister(h)
		return h
	}
	// From 0.1 ms, what a call takes in memory, to 10 s, what a held one may.
	seconds := prometheus.ExponentialBucketsRange(0.0001, 10, 16)
	sizes := prometheus.ExponentialBuckets(1, 2, 12)

	m.ConcurrentChatConnections = gauge("concurrent_chat_connections", "Connections to all rooms (CloudWatch: ConcurrentChatConnections).")
	m.MessagingRequests = counter("messaging_requests_total", "Accepted messaging requests over WebSocket and HTTP (CloudWatch: MessagingRequests, Requests).", "action")
	m.MessagingDeliveries = counter("messaging_deliveries_total", "Frames queued for connections (CloudWatch: MessagingDeliveries, Deliveries).", "action")
	m.InvocationErrors = counter("review_invocation_errors_total", "Message review handlers that could not be invoked (CloudWatch: InvocationErrors).", "uri")
	m.ResponseValidationErrors = counter("review_response_validation_errors_total", "Invalid answers of message review handlers (CloudWatch: ResponseValidationErrors).", "uri")
	m.ReviewResults = counter("review_results_total", "Messages that went to message review, by result.", "uri", "result")
	m.ReviewDuration = histogram("review_duration_seconds", "Time that a message review handler took, the wait for it included.", seconds, "uri")
	m.LogDestinationErrors = counter("log_destination_errors_total", "Failed deliveries of chat logs (CloudWatch: LogDestinationErrors).", "logging_configuration")
	m.LogDestinationAccessDeniedErrors = counter("log_destination_access_denied_errors_total", "Chat log deliveries that were denied (CloudWatch: LogDestinationAccessDeniedError).", "logging_configuration")
	m.LogDestinationResourceNotFoundErrors = counter("log_destination_resource_not_found_errors_total", "Chat log deliveries to a missing destination (CloudWatch: LogDestinationResourceNotFoundErrors).", "logging_configuration")

	m.APIRequests = counter("api_requests_total", "Control-plane calls by operation and exception; no exception means success.", "operation", "exception")
	m.APIDuration = histogram("api_request_duration_seconds", "Time of a control-plane call.", seconds, "operation")
	m.Handshakes = counter("handshakes_total", "WebSocket handshakes by result.", "result")
	m.HandshakesHeld = gauge("handshakes_held", "WebSocket handshakes that are being held back by a connect rate.")
	h := histogram("handshake_duration_seconds", "Time from a WebSocket request to its 101.", seconds)
	m.HandshakeDuration = h.WithLabelValues().(prometheus.Histogram) //nolint:forcetypeassert // A HistogramVec holds histograms.
	m.ErrorFrames = counter("error_frames_total", "ERROR frames sent, by ErrorCode.", "code")
	m.SessionsEnded = counter("sessions_ended_total", "Sessions that ended, by reason.", "reason")
	m.LiveRooms = gauge("live_rooms", "Rooms held in memory by this node.")
	m.HistoryUnavailable = counter("history_unavailable_total", "Rooms whose history could not be read for clients that joined, and joined without it.").WithLabelValues()
	m.PublishDuration = histogram("publish_duration_seconds", "Time from receipt of a messaging request to delivery being queued.", seconds, "action")
	m.PendingBytes = gauge("pending_bytes", "Bytes that slow receivers are owed.")
	m.CommitDuration = histogram("commit_duration_seconds", "Time of a database commit, by file.", seconds, "file")
	m.CommitSize = histogram("commit_size", "Writes that share one database commit, by file.", sizes, "file")
	m.StoreErrors = counter("store_errors_total", "Database operations that failed, by file.", "file")
	transcript := counter("transcript_dropped_total", "Frames that were delivered but could not be kept for logging.")
	m.TranscriptDropped = transcript.WithLabelValues()
	m.LogRecords = counter("log_records_total", "Chat log records that a destination has acknowledged, by its type.", "destination")
	m.LogRecordsDropped = counter("log_records_dropped_total", "Chat log records that will never be delivered: too old, too large or refused for good.", "logging_configuration")
	m.LogLag = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "confab_log_lag_seconds", Help: "Age of the oldest chat log record that was not delivered, by type of destination."}, []string{"destination"})
	reg.MustRegister(m.LogLag, prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: "confab_log_lines_dropped_total", Help: "Lines of this process's own log that its reader did not take in time."},
		func() float64 { return float64(linesDropped.Load()) },
	))

	total := func(name, help string) prometheus.Counter { return counter(name, help).WithLabelValues() }
	m.ClusterMembers = gauge("cluster_members", "Nodes in the current view of the cluster.")
	m.ClusterView = gauge("cluster_view", "Number of the current view of the cluster.")
	m.ClusterHomes = gauge("cluster_home_rooms", "Rooms with recent traffic whose home is this node.")
	m.ClusterViewChanges = total("cluster_view_changes_total", "Views that this node has been a member of.")
	m.ClusterFramesSent = total("cluster_frames_sent_total", "Frames sent to other nodes.")
	m.ClusterFramesReceived = total("cluster_frames_received_total", "Frames received from other nodes.")
	m.ClusterFramesCompleted = total("cluster_frames_completed_total", "Frames that a change of the view brought to this node.")
	m.ClusterGapsFilled = total("cluster_gaps_filled_total", "Times that frames lost between nodes were asked for and received.")
	m.ClusterFramesLost = total("cluster_frames_lost_total", "Frames lost between nodes that could not be had again.")
	m.ClusterJumps = total("cluster_jumps_total", "Rooms that continued elsewhere while this node could not reach the others.")
	m.ClusterHeldFrames = gauge("cluster_held_frames", "Frames that no other node is known to have yet.")
	m.ClusterLeaseWaits = total("cluster_lease_waits_total", "Operations that waited for a change of the cluster.")
	m.ClusterRequestDuration = histogram("cluster_request_duration_seconds", "Time of an operation whose home is another node.", seconds).WithLabelValues()
	return m
}
