package app

import (
	"context"
	"path/filepath"

	"confab/internal/chatlog"
	"confab/internal/config"
	"confab/internal/notify"
)

// chatLogDir is the folder of the data directory for --log-destinations local.
const chatLogDir = "chat-logs"

// ChatLogOptions returns the configured destinations of chat logs, which
// chatlog.Check needs.
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

// deliverChatLogs starts the delivery of chat logs, including records that an earlier
// process left. The nodes of a cluster divide the readers among themselves.
func (s *Server) deliverChatLogs(o chatlog.Options) (*chatlog.Service, error) {
	o.Transcript, o.Metrics, o.Log = s.db.Transcript(), s.metrics.ChatLog, s.log
	o.FlushInterval, o.ObjectInterval = s.cfg.LogFlushInterval, s.cfg.S3LogInterval
	o.Mine = s.mine
	return chatlog.New(o)
}

// deliveries are the readers of the transcript.
type deliveries struct {
	logs     *chatlog.Service
	webhooks *notify.Service // nil if extensions are off
}

// newWebhooks makes the calls of webhooks, which start with deliverChatLogs.
func (s *Server) newWebhooks() *notify.Service {
	return notify.New(notify.Options{
		Region: s.cfg.Region, Account: s.cfg.AccountID, Hooks: s.db.Webhooks, Transcript: s.db.Transcript(),
		Allow: s.cfg.WebhookAllow, Insecure: s.cfg.WebhookInsecure, Metrics: s.metrics.Store.Webhooks, Log: s.log,
		Mine: s.mine,
	})
}
