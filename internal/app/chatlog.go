package app

import (
	"context"
	"log/slog"
	"path/filepath"

	"confab/internal/chatlog"
	"confab/internal/config"
	"confab/internal/store"
	"confab/internal/telemetry"
)

// chatLogDir is where the data directory has the destinations of
// --log-destinations local.
const chatLogDir = "chat-logs"

// ChatLogOptions returns where chat is logged according to the configuration:
// what chatlog.Check needs.
func ChatLogOptions(ctx context.Context, cfg *config.Config) (chatlog.Options, error) {
	o := chatlog.Options{Region: cfg.Region, Account: cfg.AccountID}
	if cfg.LogDestinations == config.LogDestinationsLocal {
		o.LocalDir = filepath.Join(cfg.DataDir, chatLogDir)
		return o, nil
	}
	var err error
	if o.AWS, err = chatlog.LoadAWS(ctx, cfg.Region); err != nil {
		return o, cfg.Refuse("log-destinations", cfg.LogDestinations, "the AWS configuration cannot be read; mend it, or choose local: "+err.Error())
	}
	return o, nil
}

// newChatLog makes what delivers chat logs, and begins with what an earlier
// process left, as far as it is this node's.
func newChatLog(ctx context.Context, cfg *config.Config, db *store.DB, mine func(key string) bool, log *slog.Logger, metrics *telemetry.Metrics) (*chatlog.Service, error) {
	o, err := ChatLogOptions(ctx, cfg)
	if err != nil {
		return nil, err
	}
	o.Transcript, o.Mine, o.Metrics, o.Log = db.Transcript(), mine, metrics, log
	o.FlushInterval, o.ObjectInterval = cfg.LogFlushInterval, cfg.S3LogInterval
	return chatlog.New(o)
}
