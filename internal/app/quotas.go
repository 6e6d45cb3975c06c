package app

import (
	"time"

	"confab/internal/config"
	"confab/internal/quota"
)

// newQuotas makes the account's quotas: those of --quotas, overridden by the
// operator's own.
func newQuotas(cfg *config.Config) (*quota.Set, error) {
	numbers := quota.Numbers{}
	if cfg.Quotas == config.QuotasAWS {
		numbers = quota.AWSNumbers()
	}
	for _, q := range cfg.ServiceQuotas {
		name := quota.Name(q.Name)
		if !quota.Known(name) {
			return nil, cfg.Refuse("serviceQuotas", q.Name, `is no quota; docs/configuration.md has the names, such as "`+string(quota.ConcurrentConnections)+`"`)
		}
		numbers[name] = q.Limit
	}
	return quota.New(numbers, time.Now), nil
}
