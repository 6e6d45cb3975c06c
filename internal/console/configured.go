package console

import (
	"net/http"

	"confab/internal/config"
)

// Configured returns the console of a server with the configuration; nil if it is off.
func Configured(cfg *config.Config) (http.Handler, error) {
	if cfg.Console == config.ConsoleOff {
		return nil, nil
	}
	o := Options{BasePath: cfg.BasePath, Region: cfg.Region, Account: cfg.AccountID}
	if cfg.Dev {
		o.Dev = &Credentials{AccessKeyID: cfg.RootAccessKeyID, SecretAccessKey: string(cfg.RootSecretAccessKey)}
	}
	return New(o)
}
