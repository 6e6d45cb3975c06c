// Package app builds a server from a configuration: it makes every part, connects
// them, runs them, and stops them in the right order. It is the only package that
// knows all others; layers_test.go lists them in a table.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/chattoken"
	"confab/internal/config"
	"confab/internal/console"
	"confab/internal/control"
	"confab/internal/delivery"
	"confab/internal/edge"
	"confab/internal/enforce"
	"confab/internal/erasure"
	"confab/internal/extension"
	"confab/internal/front"
	"confab/internal/history"
	"confab/internal/iam"
	"confab/internal/messaging"
	"confab/internal/peers"
	"confab/internal/poll"
	"confab/internal/review"
	"confab/internal/sqldb"
	"confab/internal/store"
	"confab/internal/telemetry"
)

// Server is one node. It is made with New, and Run must be called once.
type Server struct {
	otherNodes
	cfg     *config.Config
	log     *slog.Logger
	metrics *Metrics

	listeners *front.Listeners
	cert      *certificate // nil without TLS
	db        *store.DB
	ring      *chattoken.Ring
	reviewer  *review.Reviewer
	engine    *messaging.Engine
	endpoint  *edge.Endpoint
	delivery  *delivery.Service
	unlock    func() error // releases the data directory; nil with PostgreSQL
	accept    func()       // begins to accept on the main port, unless it has
	// handshakes is the main listener; nil with TLS.
	handshakes *front.HandshakeListener
	main       *front.HTTPServer
	admin      *front.HTTPServer // nil without an admin port
	demo       *chat.Room        // nil without --dev
	pidFile    *pidFile          // nil without --pid-file

	predecessor *Predecessor  // nil without one
	handOvers   chan struct{} // has an element when a hand-over is requested

	stopping atomic.Bool // closed ports are no error from now on
	draining atomic.Bool // /readyz reports it: other nodes take the clients
	// grace ends when a stop must not wait any longer. endGrace ends it.
	grace    context.Context
	endGrace context.CancelFunc
}

// New makes a server that is ready to run. Its ports are open, so that clients that connect
// before Run wait and are not refused. An error about a setting is a *config.Error.
//
// If predecessor is not nil, this process replaces it. New then checks what it can while
// the predecessor serves, and waits until the predecessor has stopped.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger, predecessor *Predecessor) (*Server, error) {
	if err := cfg.CheckRoot(); err != nil {
		return nil, err
	}
	if err := cfg.CheckShared(); err != nil {
		return nil, err
	}
	if err := checkBasePath(cfg); err != nil {
		return nil, err
	}
	s := newServer(ctx, cfg, log)
	s.predecessor = predecessor
	return s.built(ctx)
}

// built builds s and returns it, or closes the parts made so far.
func (s *Server) built(ctx context.Context) (*Server, error) {
	if err := s.build(ctx); err != nil {
		s.endGrace()
		return nil, errors.Join(err, s.close(0))
	}
	return s, nil
}

func newServer(ctx context.Context, cfg *config.Config, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, log: log, metrics: newMetrics(), handOvers: make(chan struct{}, 1)}
	s.grace, s.endGrace = context.WithCancel(context.WithoutCancel(ctx))
	poll.Shift(time.Duration(os.Getpid()) * 37 * time.Millisecond) // Nodes that start together have neighboring ids.
	if cfg.Extensions == config.ExtensionsOn {
		go s.metrics.recorder.Run(s.grace)
	}
	return s
}

// build makes the parts from the bottom up.
func (s *Server) build(ctx context.Context) (err error) {
	cfg := s.cfg
	quotas, err := newQuotas(cfg)
	if err != nil {
		return err
	}
	// A server that takes its service back from a failed successor has both already.
	if s.cert == nil {
		if s.cert, err = loadCertificate(cfg); err != nil {
			return err
		}
	}
	if s.listeners == nil {
		if s.listeners, err = front.Listen(ctx, addresses(cfg), os.LookupEnv); err != nil {
			return err
		}
	}
	logs, err := delivery.Destinations(ctx, cfg)
	if err != nil {
		return err
	}
	if s.reviewer, err = newReviewer(ctx, cfg, s.metrics.Review, s.log); err != nil {
		return err
	}
	// A server that takes its service back has this, too.
	if s.pidFile == nil {
		if s.pidFile, err = openPIDFile(cfg.PIDFile, s.predecessor != nil); err != nil {
			return err
		}
	}
	sessions, err := s.queueSockets(ctx)
	if err != nil {
		return err
	}
	data := &opening{cfg: cfg, log: s.log, metrics: s.metrics.Store}
	defer data.close() // It is open after an error only.
	if s.predecessor != nil {
		if err := s.prepare(ctx, data); err != nil {
			return err
		}
	}
	if !sqldb.IsPostgres(cfg.Database) { // Several servers share a PostgreSQL.
		var beside func() error
		if s.listeners.Held || s.predecessor != nil {
			beside = func() error { return data.check(ctx) }
		}
		if s.unlock, err = lockDataDir(ctx, cfg.DataDir, beside, s.log); err != nil {
			return err
		}
	}
	if s.db, s.ring, err = data.open(ctx); err != nil {
		return err
	}
	s.db.Transcript().History().Start()
	if s.listeners.Held || s.predecessor != nil {
		s.accept() // Clients wait already.
	}

	sockets := edge.NewSockets(cfg.DeliveryWindow, overlap(cfg), cfg.IOURing == config.IOURingAuto, cfg.IOURing != config.IOURingOff, s.metrics.Edge, s.log)
	live := messaging.Options{
		Rooms: s.db, Tokens: s.db, Transcript: s.db.Transcript(),
		Reviewer:          s.reviewer,
		NewAudience:       sockets.NewAudience,
		Quotas:            quotas,
		CloseOnRoomDelete: cfg.CloseOnRoomDelete,
		Extensions:        cfg.Extensions == config.ExtensionsOn,
		History:           s.db.Transcript(),
		Metrics:           s.metrics.Messaging,
		Log:               s.log,
	}
	s.peers.Self, s.peers.Recorder, s.peers.Frames = s.self, s.metrics.recorder, s.db.Transcript()
	s.peers.Moderation = s.db.Moderation
	s.peers.WatchRooms(&live, cfg.PresenceInterval)
	s.peers.Moderate(&live)
	s.peers.Trace(&live, cfg.NodeName)
	if live.Extensions {
		live.Rules.Filters, s.peers.Filters = enforce.Filters{Content: s.db.Filters, Log: s.db.Moderation}, s.db.Filters
		live.Rules.Clock, live.Rules.Moderated = s.db.Bans.Now, enforce.Moderated(s.db.Moderation)
		live.Bans, s.peers.Bans, live.Disconnected = s.db.Bans, s.db.Bans, enforce.Disconnected(s.db.Bans, s.db.Transcript().History(), s.log)
		live.Webhooks, s.peers.Hooks = s.db.Webhooks, s.db.Webhooks
	}
	live.CatchUp = s.catchUp()
	if err := s.connectNodes(&live, quotas); err != nil {
		return err
	}
	s.engine = messaging.NewEngine(live)
	s.peers.Places.History = history.Kept{DB: s.db.Transcript().History()}
	s.peers.Engine, s.peers.Presence.Live, s.peers.Places.Live = s.engine, messaging.RosterOf(s.engine), messaging.CatchUpsOf(s.engine)
	if live.Extensions {
		if err := enforce.Start(ctx, s.db.Bans, s.engine, s.log, s.peers.TellBans); err != nil {
			return err
		}
		if err := s.db.Filters.Start(ctx, s.peers.TellFilters); err != nil {
			return fmt.Errorf("read the content filters: %w", err)
		}
	}
	s.delivery, err = delivery.New(ctx, delivery.Options{
		Config: cfg, Store: s.db, TellHooks: s.peers.TellHooks, Mine: s.mine,
		Metrics: s.metrics.ChatLog, StoreMetrics: s.metrics.Store, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.peers.TellAttendance(s.log)
	s.endpoint = edge.New(edge.Options{
		Engine: s.engine, Tokens: s.ring, Sockets: sockets,
		TrustedProxies: cfg.TrustedProxies,
		Limits:         limits(cfg),
		Metrics:        s.metrics.Edge,
		Log:            s.log,
	})

	plane := control.New(control.Options{
		Region: cfg.Region, Account: cfg.AccountID,
		Store: s.db, Live: s.engine, Tokens: s.ring,
		CheckHandler:       s.reviewer.CheckHandler,
		Quotas:             quotas,
		TokenLifetime:      cfg.TokenLifetime,
		MaxEventAttributes: cfg.EventAttributesMax,
		Extensions:         cfg.Extensions == config.ExtensionsOn,
	})
	operations := plane.Operations()
	var model []byte
	var own *extension.Service
	if cfg.Extensions == config.ExtensionsOn {
		model = extension.Model
		own = extension.New(extension.Options{
			Region: cfg.Region, Account: cfg.AccountID, Version: telemetry.Version(),
			Actions: actions(operations),
			Rooms:   s.db, Live: s.engine, Bans: s.db.Bans, Filters: s.db.Filters, Modes: store.NewRoomModes(s.db), History: s.db.Transcript().History(), Tokens: s.ring, Presence: s.peers.Presence, Nodes: s.peers.Nodes, Series: s.peers.Series, Quotas: quotas,
			Credentials: s.db, Webhooks: s.db.Webhooks, Endpoints: s.delivery.Webhooks, Traces: s.peers.Traces,
			CleanUps: erasure.NewCleaner(s.grace, erasure.CleanerOptions{
				Live: s.engine, History: s.db.Transcript().History(), SentBy: s.peers.SentBy, Log: s.log,
			}),
			Erasures:   erasure.New(erasure.Options{Account: cfg.AccountID, Transcript: s.db.Transcript(), Rooms: s.db, Clients: messaging.Erased{Engine: s.engine}, Nodes: &s.peers}),
			Moderation: peers.ModerationLog{Log: s.db.Moderation, Peers: &s.peers},
		})
		operations = append(operations, own.Operations()...)
	}
	handler := api.New(api.Options{
		Authenticator: iam.NewAuthenticator(iam.Options{
			Region: cfg.Region, Account: cfg.AccountID, Service: "ivschat",
			Root:  iam.Credentials{AccessKeyID: cfg.RootAccessKeyID, SecretAccessKey: string(cfg.RootSecretAccessKey)},
			Store: s.db, Log: s.log,
		}),
		Bearer:         own.Bearer,
		Quotas:         quotas,
		BasePath:       cfg.BasePath,
		CORSOrigins:    cfg.CORSOrigins,
		TrustedProxies: cfg.TrustedProxies,
		Metrics:        s.metrics.API,
		Log:            s.log,
	}, operations...)
	pages, err := console.Configured(cfg)
	if err != nil {
		return err
	}
	main, admin := s.mainHandler(s.endpoint, handler, pages, model), front.WithoutBody(adminHandler(s.metrics.registry, s.profiles()))
	var guard *devGuard
	if cfg.Dev {
		guard = &devGuard{origins: cfg.CORSOrigins, log: s.log}
		main, admin = guard.handler(main), guard.handler(admin)
	}
	s.main = front.NewHTTPServer(main, cfg.KeepAlive, s.log)
	sessions.Store(s.endpoint)
	if s.handshakes != nil {
		s.handshakes.ServeWith(s.endpoint, s.serves(guard))
	}
	if s.listeners.Admin != nil {
		s.listeners.Admin = front.LimitSockets(ctx, s.listeners.Admin, front.SocketLimits{Max: maxAdminSockets}, s.log)
		s.admin = front.NewHTTPServer(admin, adminKeepAlive, s.log)
	}
	if cfg.Dev {
		if s.demo, err = demoRoom(ctx, s.db, cfg); err != nil {
			return err
		}
	}
	if err := s.joinCluster(ctx); err != nil {
		return err
	}
	if err := s.delivery.Start(logs); err != nil {
		return err
	}
	s.peers.Deliveries.Set(s.delivery)
	return nil
}

// actions returns the IAM actions of operations of IVS Chat.
func actions(operations []api.Operation) []string {
	var all []string
	for _, o := range operations {
		all = append(all, "ivschat:"+o.Name)
	}
	return all
}

// adminKeepAlive is longer than Prometheus waits between two scrapes.
const adminKeepAlive = 2 * time.Minute

// addresses returns the ports of cfg.
func addresses(cfg *config.Config) front.Addresses {
	a := front.Addresses{Main: cfg.Listen, Admin: cfg.AdminListen, Loopback: cfg.Dev}
	if cfg.AdminListen == config.AdminOff {
		a.Admin = ""
	}
	return a
}

// newReviewer makes the caller of message review handlers.
func newReviewer(ctx context.Context, cfg *config.Config, metrics *review.Metrics, log *slog.Logger) (*review.Reviewer, error) {
	o := review.Options{Timeout: cfg.ReviewTimeout, Region: cfg.Region, Metrics: metrics, Log: log}
	for _, h := range cfg.MessageReviewHandlers {
		o.Rules = append(o.Rules, review.Rule{Pattern: h.Pattern, Target: h.Target})
	}
	r, err := review.New(ctx, o)
	if e, ok := errors.AsType[*review.RuleError](err); ok {
		return nil, cfg.Refuse("messageReviewHandlers", e.Rule.Pattern, e.Problem)
	}
	return r, err
}

// Address is the address of the main port, as HOST:PORT.
func (s *Server) Address() net.Addr { return s.listeners.Main.Addr() }

// Demo is the room of --dev; nil without it.
func (s *Server) Demo() *chat.Room { return s.demo }

// ReloadCertificate reads the TLS certificate again. It changes nothing without TLS
// or if the new certificate cannot be used.
func (s *Server) ReloadCertificate(ctx context.Context) {
	if s.cert == nil {
		return
	}
	if err := s.cert.reload(); err != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "The certificate was not replaced", slog.Any("error", err))
		return
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "The certificate was read again")
}
