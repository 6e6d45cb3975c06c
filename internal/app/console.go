package app

import (
	"net/http"

	"confab/internal/config"
	"confab/internal/console"
)

// newConsole makes the web console; nil if it is off.
func newConsole(cfg *config.Config) (http.Handler, error) {
	if cfg.Console == config.ConsoleOff {
		return nil, nil
	}
	o := console.Options{BasePath: cfg.BasePath, Region: cfg.Region}
	if cfg.Dev {
		o.Dev = &console.Credentials{AccessKeyID: cfg.RootAccessKeyID, SecretAccessKey: string(cfg.RootSecretAccessKey)}
	}
	return console.New(o)
}
