-- +goose Up

-- Who may not be in a room, or not speak there. Every change of a ban takes the next
-- number of change, so that servers read what is new. A ban that was lifted stays for a
-- day, with deleted set, and the newest change stays for ever.
CREATE TABLE bans (
  id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  number      BIGINT  NOT NULL, -- the change that made the ban; the order of lists
  change      BIGINT  NOT NULL, -- the last change
  type        TEXT COLLATE "C" NOT NULL,
  room_id     TEXT COLLATE "C" NOT NULL, -- '' for every room
  subject     BYTEA   NOT NULL, -- a user id, or a range in CIDR notation
  ranged      BIGINT  NOT NULL CHECK (ranged IN (0, 1)),
  reason      BYTEA   NOT NULL,
  created_by  BYTEA   NOT NULL,
  create_time BIGINT  NOT NULL,
  expires     BIGINT  NOT NULL, -- 0: never. When it was deleted, the time of that
  deleted     BIGINT  NOT NULL CHECK (deleted IN (0, 1))
);

CREATE UNIQUE INDEX bans_by_subject ON bans (subject, ranged, room_id, type);
CREATE INDEX bans_by_change ON bans (change);
CREATE INDEX bans_by_number ON bans (number, id);
CREATE INDEX bans_by_room ON bans (room_id, number, id);
CREATE INDEX bans_by_expiry ON bans (expires);
