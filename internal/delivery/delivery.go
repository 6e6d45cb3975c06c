// Package delivery starts and stops the readers of the transcript: chat logging (package
// chatlog) and the calls of webhooks (package notify). It creates both from the configuration
// of a server.
package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"confab/internal/chatlog"
	"confab/internal/config"
	"confab/internal/notify"
	"confab/internal/store"
)

// localDir is the folder of the data directory for --log-destinations local.
const localDir = "chat-logs"

// Destinations returns the configured destinations of chat logs, which chatlog.Check and
// Start need.
func Destinations(ctx context.Context, cfg *config.Config) (chatlog.Options, error) {
	o := chatlog.Options{Region: cfg.Region, Account: cfg.AccountID}
	if cfg.LogDestinations == config.LogDestinationsLocal {
		o.LocalDir = filepath.Join(cfg.DataDir, localDir)
		return o, nil
	}
	var err error
	if o.AWS, err = chatlog.LoadAWS(ctx, cfg.Region); err != nil {
		return o, cfg.Refuse("log-destinations", cfg.LogDestinations, "the AWS configuration cannot be read; mend it, or choose local: "+err.Error())
	}
	return o, nil
}

// Options configure a Service. Fields without a comment are required.
type Options struct {
	Config *config.Config
	Store  *store.DB
	// TellHooks makes the other servers read the webhooks again, and waits a moment for
	// them.
	TellHooks func(ctx context.Context)
	// Mine assigns readers to the nodes of a cluster: see chatlog.Options.
	Mine         func(key string) bool
	Metrics      *chatlog.Metrics
	StoreMetrics *store.Metrics
	Log          *slog.Logger
}

// Service delivers chat logs and the events of webhooks.
type Service struct {
	o Options
	// Webhooks is nil if extensions are off.
	Webhooks *notify.Service
	logs     *chatlog.Service // nil before Start
}

// New makes a Service. Webhooks are in force when it returns, which must be before the
// first client. Nothing is delivered before Start.
func New(ctx context.Context, o Options) (*Service, error) {
	s := &Service{o: o}
	if o.Config.Extensions != config.ExtensionsOn {
		return s, nil
	}
	if err := o.Store.Webhooks.Start(ctx, o.TellHooks); err != nil {
		return nil, fmt.Errorf("read the webhooks: %w", err)
	}
	s.Webhooks = notify.New(notify.Options{
		Region: o.Config.Region, Account: o.Config.AccountID, Hooks: o.Store.Webhooks, Transcript: o.Store.Transcript(),
		Allow: o.Config.WebhookAllow, Insecure: o.Config.WebhookInsecure,
		Mine: o.Mine, Metrics: o.StoreMetrics.Webhooks, Log: o.Log,
	})
	return s, nil
}

// Start begins to deliver, first what an earlier process has left. logs is what
// Destinations returned.
func (s *Service) Start(logs chatlog.Options) (err error) {
	logs.Transcript, logs.Mine, logs.Metrics, logs.Log = s.o.Store.Transcript(), s.o.Mine, s.o.Metrics, s.o.Log
	logs.FlushInterval, logs.ObjectInterval = s.o.Config.LogFlushInterval, s.o.Config.S3LogInterval
	if s.logs, err = chatlog.New(logs); err != nil {
		return err
	}
	return s.Webhooks.Start()
}

// Flush delivers what is owed now, until ctx ends or only failing destinations are left.
func (s *Service) Flush(ctx context.Context) {
	s.o.Store.Transcript().Settle(ctx)
	both(func() { s.Webhooks.Flush(ctx) }, func() {
		if s.logs != nil {
			s.logs.Flush(ctx)
		}
	})
}

// Settle waits for the deliveries that have read the transcript before it was called, until
// ctx ends.
func (s *Service) Settle(ctx context.Context) error {
	if s.logs != nil {
		if err := s.logs.Settle(ctx); err != nil {
			return err
		}
	}
	return s.Webhooks.Settle(ctx)
}

// Close delivers what is owed until ctx ends. The rest is delivered after the next start.
func (s *Service) Close(ctx context.Context) {
	if s == nil {
		return
	}
	s.o.Store.Transcript().Settle(ctx)
	both(func() { s.Webhooks.Close(ctx) }, func() {
		if s.logs != nil {
			s.logs.Close(ctx)
		}
	})
}

// both does two things at the same time, so that slow destinations of one kind take no time
// from the other.
func both(one, other func()) {
	var done sync.WaitGroup
	done.Go(one)
	other()
	done.Wait()
}
