package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/cluster"
	"confab/internal/config"
	"confab/internal/messaging"
	"confab/internal/nats"
	"confab/internal/peers"
	"confab/internal/places"
	"confab/internal/protocol"
	"confab/internal/quota"
	"confab/internal/serverops"
	"confab/internal/store"
	"confab/internal/telemetry"
	"confab/internal/websocket"
)

// The time limits of a start that waits for the other nodes, and of a stop that waits
// for them to take its rooms over.
const (
	joinWithin  = 10 * time.Second
	leaveWithin = 5 * time.Second
)

// readAgain is the greatest age of a live room's settings when the notice of a change
// was lost between nodes.
const readAgain = 30 * time.Second

// readTime is how long a client may take to read the data in its socket.
const readTime = 50 * time.Millisecond

// overlap is the period of already written frames that a new connection gets again. A
// client that replaces a connection stops reading the older one, so the data in the
// older socket must be sent again. If the older connection is on another node, that
// node writes the same data up to a window later.
func overlap(cfg *config.Config) time.Duration {
	if !cfg.Clustered() {
		return readTime
	}
	return max(cfg.DeliveryWindow, websocket.MaxAutoWindow) + readTime
}

// connectNodes makes the links to the other nodes, if any are configured.
func (s *Server) connectNodes(o *messaging.Options, quotas *quota.Set) error {
	cfg := s.cfg
	if !cfg.Clustered() {
		return nil
	}
	name := cfg.NodeName
	if name == "" {
		var err error
		if name, err = os.Hostname(); err != nil {
			return fmt.Errorf("find the host's name, which --node-name would replace: %w", err)
		}
	}
	s.id = protocol.NewID(name)
	secret, err := cfg.ClusterKey()
	if err != nil {
		return err
	}
	tlsConfig, err := clusterTLS(cfg)
	if err != nil {
		return err
	}
	s.conn, err = nats.Open(nats.Options{
		Name: s.id, Listen: cfg.ClusterListen, Peers: cfg.ClusterPeers, Secret: secret, TLS: tlsConfig,
		URL: strings.Join(cfg.NATS, ","), Credentials: cfg.NATSCredentials, Log: s.log,
	})
	if err != nil {
		setting, value := "nats", strings.Join(cfg.NATS, ",")
		if cfg.ClusterListen != "" {
			setting, value = "cluster-listen", cfg.ClusterListen
		}
		return cfg.Refuse(setting, value, "cannot be used: "+err.Error())
	}
	s.node = cluster.New(cluster.Options{
		Name: name, ID: s.id, Version: telemetry.Version(),
		Prefix:    "confab." + cfg.Region + "-" + cfg.AccountID,
		Transport: s.conn, Quotas: quotas, Excluded: s.excluded, Refused: s.conn.Refused,
		Answers: s.peers.Answers(),
		Metrics: s.metrics.Cluster, Log: s.log,
	})
	s.peers.Node = s.node
	s.peers.Presence.Node, s.peers.Presence.AskOthers = s.id, s.peers.AskPresence
	quotas.Share(s.node)
	o.Connect = func(e *messaging.Engine) (messaging.Broker, messaging.Home) { return s.node.Attach(e) }
	o.OtherConnections = s.node.OtherConnections
	o.LastDelivered = s.node.LastDelivered
	o.UserElsewhere = s.peers.UserElsewhere
	o.RefreshedElsewhere, o.History = s.peers.RefreshedElsewhere, s.peers.History(o.History)
	s.peers.CatchUpOverNodes(o, s.id, s.node)
	known, _, _ := strings.Cut(s.id, "_") // Nodes on one machine may share the directory.
	s.peers.Places.Record(filepath.Join(cfg.DataDir, "places-"+known+".json"), s.log)
	o.ReadAgain = readAgain
	return nil
}

// catchUp returns what clients get that come back. A node of its own leaves it to the next
// process; other nodes have it already. All keep a file for the case that all are killed.
func (s *Server) catchUp() (o messaging.CatchUp) {
	s.peers.CatchUp, s.peers.Places = catchup.NewMemory(s.cfg.CatchUpMemory), places.New()
	if !s.cfg.Clustered() {
		s.peers.CatchUp = catchup.OpenMemory(s.cfg.CatchUpMemory, filepath.Join(s.cfg.DataDir, "catch-up.json"))
		s.peers.Places.Alone(chat.NewID())
		s.peers.Places.Record(filepath.Join(s.cfg.DataDir, "places.json"), s.log)
		o.Places = s.peers.Places
	}
	o.Memory, s.peers.Places.Memory = s.peers.CatchUp, s.peers.CatchUp
	return o
}

// otherNodes is the link to the other nodes; fields without a comment are nil on a
// single node.
type otherNodes struct {
	conn    *nats.Conn
	node    *cluster.Node // this node's membership
	id      string        // this node's
	peers   peers.Peers   // also on a single node
	reloads *reloads
}

// mine reports whether this node should do the work that key names.
func (o *otherNodes) mine(key string) bool { return o.node == nil || o.node.Owner(key) == o.id }

// self returns what this node says of itself.
func (s *Server) self() serverops.Node {
	n := serverops.Node{Name: s.cfg.NodeName, Version: telemetry.Version(), Connections: s.engine.Connections()}
	n.Ready = !s.draining.Load()
	rooms := s.engine.LiveRooms()
	n.HomeRooms = len(rooms)
	if s.node != nil {
		n.Ready = n.Ready && s.node.Ready() == nil
		n.HomeRooms = len(slices.DeleteFunc(rooms, func(id string) bool { return !s.mine(id) }))
	}
	return n
}

// joinCluster joins the cluster once the engine exists. A node that reaches no other
// node serves alone until it does.
func (s *Server) joinCluster(ctx context.Context) error {
	if s.node == nil {
		s.peers.Places.Start()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	if err := s.node.Start(ctx); err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	s.peers.Places.Start()
	s.reloads = reloadAfterLoss(s.conn, s.engine, s.db)
	return nil
}

// reloads makes the engine read live rooms again when notices of changes may have been lost:
// all of them after the link to the other nodes was lost, and those that were changed.
type reloads struct{ stop, done chan struct{} }

func reloadAfterLoss(conn *nats.Conn, engine *messaging.Engine, db *store.DB) *reloads {
	r := &reloads{stop: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		store.WatchRooms(ctx, db, engine.Reload)
	}()
	go func() {
		defer close(r.done)
		defer func() { cancel(); <-watched }()
		for {
			select {
			case <-conn.Regained():
				engine.ReloadAll()
			case <-r.stop:
				return
			}
		}
	}()
	return r
}

func (r *reloads) close() {
	close(r.stop)
	<-r.done
}

// hasOthers reports whether there are other nodes to which clients can be moved.
func (s *Server) hasOthers() bool { return s.node != nil && len(s.node.View().Members) > 1 }

// leaveHomes makes other nodes the homes of this node's rooms, before its sessions
// move.
func (s *Server) leaveHomes(ctx context.Context) {
	if s.node == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	s.node.Drain(ctx)
}

// excluded ends the sessions of a node that the others excluded from the cluster. Its
// clients reconnect to another node.
func (s *Server) excluded() {
	s.endpoint.Move(s.grace, s.cfg.DrainTime, func() bool { return s.node.Ready() != nil })
}

// clusterTLS returns the TLS settings for other nodes or NATS; nil is no TLS.
func clusterTLS(cfg *config.Config) (*tls.Config, error) {
	if cfg.ClusterTLSCert == "" && cfg.ClusterTLSCA == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert}
	if cfg.ClusterTLSCert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.ClusterTLSCert, cfg.ClusterTLSKey)
		if err != nil {
			return nil, cfg.Refuse("cluster-tls-cert", cfg.ClusterTLSCert, fmt.Sprintf("cannot be used with %s: %v", cfg.ClusterTLSKey, err))
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if cfg.ClusterTLSCA != "" {
		pem, err := os.ReadFile(cfg.ClusterTLSCA)
		pool := x509.NewCertPool()
		if err == nil && !pool.AppendCertsFromPEM(pem) {
			err = errors.New("it holds no certificate in PEM")
		}
		if err != nil {
			return nil, cfg.Refuse("cluster-tls-ca", cfg.ClusterTLSCA, "cannot be used: "+err.Error())
		}
		c.RootCAs, c.ClientCAs = pool, pool
	}
	return c, nil
}

// logCluster adds the address at which other nodes reach this one.
func (s *Server) logCluster(attrs []slog.Attr) []slog.Attr {
	if s.node == nil {
		return attrs
	}
	v := s.node.View()
	attrs = append(attrs, slog.Uint64("view", v.ID.Number), slog.Int("members", len(v.Members)))
	if a := s.conn.Address(); a != nil {
		attrs = append(attrs, slog.String("cluster_address", a.String()))
	}
	return attrs
}
