package control_test

import (
	"confab/internal/chattoken"
	"confab/internal/control"
	"confab/internal/iam"
	"confab/internal/messaging"
)

// What package app hands in fits.
var (
	_ control.Live          = (*messaging.Engine)(nil)
	_ control.Sealer        = (*chattoken.Ring)(nil)
	_ control.Authenticator = (*iam.Authenticator)(nil)
)
