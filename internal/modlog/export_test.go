package modlog

import "context"

// Prune is Log.Prune with another number of events that are kept.
func Prune(ctx context.Context, l *Log, most int64) error { return l.prune(ctx, most) }
