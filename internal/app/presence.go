package app

import (
	"confab/internal/config"
	"confab/internal/enforce"
	"confab/internal/messaging"
	"confab/internal/presence"
)

// watchRooms makes what knows who is in the rooms, and who may not be there.
func (s *Server) watchRooms(o *messaging.Options) {
	s.peers.Presence = presence.New()
	s.peers.Presence.Interval = s.cfg.PresenceInterval
	if s.cfg.Extensions == config.ExtensionsOn {
		o.Watch = s.peers.Presence.Watch
		o.Bans, s.peers.Bans, o.Disconnected = s.db.Bans, s.db.Bans, enforce.Disconnected(s.db.Bans, s.log)
	}
}
