package control_test

import (
	"confab/internal/api"
	"confab/internal/chattoken"
	"confab/internal/control"
	"confab/internal/iam"
	"confab/internal/messaging"
)

// What package app hands in fits.
var (
	_ control.Live      = (*messaging.Engine)(nil)
	_ control.Sealer    = (*chattoken.Ring)(nil)
	_ api.Authenticator = (*iam.Authenticator)(nil)
)
