package app

import (
	"context"
	"fmt"

	"confab/internal/config"
	"confab/internal/store"
)

// checkExtensionsOff refuses to start without extensions while something exists that only
// works with them: a server that ignored it would be less safe than its operators
// believe.
func checkExtensionsOff(ctx context.Context, cfg *config.Config, db *store.DB) error {
	if cfg.Extensions != config.ExtensionsOff {
		return nil
	}
	signers, err := store.NewSigners(db).Signers(ctx)
	if err != nil {
		return err
	}
	if len(signers) > 0 {
		return cfg.Refuse("extensions", cfg.Extensions, fmt.Sprintf(
			"must not be off while there are signers (%s); delete them with confab keys delete-signer, or choose off=force", signers[0].Name))
	}
	return nil
}
