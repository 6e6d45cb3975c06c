package cluster

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"confab/internal/telemetry"
)

// Metrics are the metrics of the cluster. They are zero on a node on its own.
type Metrics struct {
	// Members and View are the size and the number of the current view, Homes the rooms
	// with recent traffic whose home is here.
	Members     prometheus.Gauge
	View        prometheus.Gauge
	Homes       prometheus.Gauge
	ViewChanges prometheus.Counter
	// FramesSent and FramesReceived count frames between nodes.
	FramesSent     prometheus.Counter
	FramesReceived prometheus.Counter
	// FramesCompleted counts frames that a change of the view brought to this node's
	// connections, GapsFilled answers to requests for frames that were lost on the way,
	// FramesLost those that could not be had.
	FramesCompleted prometheus.Counter
	GapsFilled      prometheus.Counter
	FramesLost      prometheus.Counter
	// Jumps counts rooms whose frames here were not those of the others, after nodes could
	// not reach each other.
	Jumps prometheus.Counter
	// HeldFrames are frames that no other node is known to have yet.
	HeldFrames prometheus.Gauge
	// LeaseWaits counts operations that waited for the cluster.
	LeaseWaits prometheus.Counter
	// RequestDuration is the time of an operation at a home on another node.
	RequestDuration prometheus.Histogram
}

// NewMetrics registers the metrics. Without a registerer they only count.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	return &Metrics{
		Members: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_cluster_members",
			Help: "Nodes in the current view of the cluster.",
		}),
		View: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_cluster_view",
			Help: "Number of the current view of the cluster.",
		}),
		Homes: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_cluster_home_rooms",
			Help: "Rooms with recent traffic whose home is this node.",
		}),
		ViewChanges: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_view_changes_total",
			Help: "Views that this node has been a member of.",
		}),
		FramesSent: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_frames_sent_total",
			Help: "Frames sent to other nodes.",
		}),
		FramesReceived: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_frames_received_total",
			Help: "Frames received from other nodes.",
		}),
		FramesCompleted: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_frames_completed_total",
			Help: "Frames that this node got from other nodes at a change of the view.",
		}),
		GapsFilled: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_gaps_filled_total",
			Help: "Gaps in what other nodes sent that a resend has filled.",
		}),
		FramesLost: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_frames_lost_total",
			Help: "Frames lost between nodes that no resend could replace.",
		}),
		Jumps: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_jumps_total",
			Help: "Rooms that continued elsewhere while this node could not reach the others.",
		}),
		HeldFrames: auto.NewGauge(prometheus.GaugeOpts{
			Name: "confab_cluster_held_frames",
			Help: "Frames that no other node is known to have yet.",
		}),
		LeaseWaits: auto.NewCounter(prometheus.CounterOpts{
			Name: "confab_cluster_lease_waits_total",
			Help: "Operations that waited for a change of the cluster.",
		}),
		RequestDuration: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "confab_cluster_request_duration_seconds",
			Help:    "Time of an operation whose home is another node.",
			Buckets: telemetry.Seconds,
		}),
	}
}
