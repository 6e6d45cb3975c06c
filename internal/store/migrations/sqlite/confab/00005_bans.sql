-- +goose Up

-- Who may not be in a room, or not speak there. Every change of a ban takes the next
-- number of change, so that servers read what is new. A ban that was lifted stays for a
-- day, with deleted set, and the newest change stays for ever.
CREATE TABLE bans (
  id          TEXT    NOT NULL PRIMARY KEY,
  number      INTEGER NOT NULL, -- the change that made the ban; the order of lists
  change      INTEGER NOT NULL, -- the last change
  type        TEXT    NOT NULL,
  room_id     TEXT    NOT NULL, -- '' for every room
  subject     BLOB    NOT NULL, -- a user id, or a range in CIDR notation
  ranged      INTEGER NOT NULL CHECK (ranged IN (0, 1)),
  reason      BLOB    NOT NULL,
  created_by  BLOB    NOT NULL,
  create_time INTEGER NOT NULL,
  expires     INTEGER NOT NULL, -- 0: never. When it was deleted, the time of that
  deleted     INTEGER NOT NULL CHECK (deleted IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX bans_by_subject ON bans (subject, ranged, room_id, type);
CREATE INDEX bans_by_change ON bans (change);
CREATE INDEX bans_by_number ON bans (number, id);
CREATE INDEX bans_by_room ON bans (room_id, number, id);
CREATE INDEX bans_by_expiry ON bans (expires);
