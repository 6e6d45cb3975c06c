package control

import (
	"confab/internal/api"
	"confab/internal/chat"
)

// The rules of the API model.
var (
	nameRule = api.NewRule(0, 128, `[a-zA-Z0-9-_]*`)
	// The API model has a dot for the name of the function. No name contains control
	// characters or line separators, and only SQLite can store NUL.
	handlerURIRule     = api.NewRule(0, 170, `^$|^arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[^\p{Cc}\p{Zl}\p{Zp}]+`)
	userIDRule         = api.NewRule(1, 128, "")
	eventNameRule      = api.NewRule(1, 100, "")
	messageIDRule      = api.NewRule(chat.IDLength, chat.IDLength, `[a-zA-Z0-9]+`)
	reasonRule         = api.NewRule(1, 256, "")
	bucketNameRule     = api.NewRule(3, 63, `[a-z0-9-.]+`)
	logGroupNameRule   = api.NewRule(1, 512, `[\.\-_/#A-Za-z0-9]+`)
	deliveryStreamRule = api.NewRule(1, 64, `[a-zA-Z0-9_.-]+`)
)
