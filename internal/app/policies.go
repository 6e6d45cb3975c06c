package app

import (
	"context"
	"log/slog"

	"confab/internal/config"
	"confab/internal/control"
	"confab/internal/store"
)

// warnPolicies logs what is wrong with stored policies: that one cannot be read, so
// that all calls with its credentials are denied, and what can never match. It never
// fails: a server starts without these warnings.
func warnPolicies(ctx context.Context, cfg *config.Config, db *store.DB, log *slog.Logger) {
	all, err := db.ListCredentials(ctx)
	if err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "Policies not checked", slog.Any("error", err))
		return
	}
	scope := control.PolicyScope(cfg.Region, cfg.AccountID)
	for _, c := range all {
		name := slog.String("name", c.Principal.Name)
		if err := c.Principal.PolicyError; err != nil {
			log.LogAttrs(ctx, slog.LevelWarn, "Policy not valid, so calls with its credentials are denied", name, slog.Any("error", err))
		}
		for _, p := range c.Principal.Policies {
			for _, w := range p.Warnings(scope) {
				log.LogAttrs(ctx, slog.LevelWarn, "Policy has a part without effect", name, slog.String("part", w))
			}
		}
	}
}
