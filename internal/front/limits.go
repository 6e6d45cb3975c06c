package front

import (
	"context"
	"log/slog"
)

// fewFiles is a limit of open files that a room of a few thousand clients reaches.
// fewPlaces is a backlog that fewer clients fill up when all connect at once.
const (
	fewFiles  = 8192
	fewPlaces = 4096
)

// WarnLimits logs a warning for each limit of the system that is too low: files, which is
// the limit of open files, and the backlog of the main port. connections is the setting
// --max-connections; 0 means that it is not set. A port that another process holds needs a
// place for each of them: all clients wait there between two servers.
func (l *Listeners) WarnLimits(ctx context.Context, log *slog.Logger, files uint64, connections int) {
	if files < max(fewFiles, uint64(connections)) {
		log.LogAttrs(ctx, slog.LevelWarn, "This process may hold few connections; raise its limit of open files (LimitNOFILE=, ulimit -n)",
			slog.Uint64("open_files", files))
	}
	if places := l.backlog(); places > 0 && (places < fewPlaces || l.Held && places < connections) {
		log.LogAttrs(ctx, slog.LevelWarn, "Few connections may wait to be accepted, and the system drops further ones; raise net.core.somaxconn, and Backlog= of a socket unit",
			slog.Int("backlog", places))
	}
}
