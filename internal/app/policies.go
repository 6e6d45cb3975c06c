package app

import (
	"context"
	"log/slog"
	"strings"

	"confab/internal/chat"
	"confab/internal/config"
	"confab/internal/control"
	"confab/internal/extension"
	"confab/internal/policy"
	"confab/internal/store"
)

// PolicyScope returns the actions and resources that exist on a server. Policies are
// checked against it, to warn of what can never match.
func PolicyScope(cfg *config.Config) policy.Scope {
	s := policy.Scope{Actions: new(extension.Service).Actions()}
	for _, o := range new(control.Service).Operations() {
		s.Actions = append(s.Actions, "ivschat:"+o.Name)
	}
	arn := chat.ARN{Region: cfg.Region, Account: cfg.AccountID}
	s.Resources = append(s.Resources, arn.String()) // of GetServer
	for _, arn.Type = range []chat.ResourceType{chat.RoomResource, chat.LoggingConfigurationResource} {
		for _, arn.ID = range []string{"*", strings.Repeat(policy.AnyLetter, chat.IDLength)} {
			s.Resources = append(s.Resources, arn.String())
		}
	}
	return s
}

// warnPolicies logs what is wrong with stored policies: that one cannot be read, so
// that all calls with its credentials are denied, and what can never match. It never
// fails: a server starts without these warnings.
func warnPolicies(ctx context.Context, cfg *config.Config, db *store.DB, log *slog.Logger) {
	all, err := db.ListCredentials(ctx)
	if err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "Policies not checked", slog.Any("error", err))
		return
	}
	scope := PolicyScope(cfg)
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
