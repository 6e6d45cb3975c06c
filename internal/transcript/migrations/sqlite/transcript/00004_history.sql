-- +goose Up

-- The frames of rooms with history, see package history. One row has the kept frames
-- of all rooms of one group commit, until a compaction moves them into pieces. Numbers
-- are never used again: they are part of the positions of frames.
CREATE TABLE history_batches (
  number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  body   BLOB    NOT NULL
) STRICT;

-- Frames of one room, in order. The ranges of positions of a room's pieces do not
-- overlap.
CREATE TABLE history_pieces (
  room_id TEXT    NOT NULL,
  first   INTEGER NOT NULL, -- the first and last position
  last    INTEGER NOT NULL,
  oldest  INTEGER NOT NULL, -- the least and greatest time, nanoseconds since 1970
  newest  INTEGER NOT NULL,
  count   INTEGER NOT NULL, -- of frames
  size    INTEGER NOT NULL, -- before compression
  body    BLOB    NOT NULL,
  PRIMARY KEY (room_id, first)
) STRICT;

CREATE INDEX history_pieces_by_oldest ON history_pieces (room_id, oldest, first);
CREATE INDEX history_pieces_by_newest ON history_pieces (room_id, newest, first);

-- The deleted messages of rooms with history. What clients wrote is not text: it may
-- have characters that PostgreSQL's text cannot hold.
CREATE TABLE history_deletions (
  room_id    TEXT    NOT NULL,
  message_id BLOB    NOT NULL,
  time       INTEGER NOT NULL, -- nanoseconds since 1970
  deleted_by BLOB    NOT NULL, -- a user id, or the ARN of a principal
  reason     BLOB    NOT NULL,
  PRIMARY KEY (room_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX history_deletions_by_time ON history_deletions (room_id, time);

-- The rooms that have pieces, and when to look for expired ones next.
CREATE TABLE history_rooms (
  room_id TEXT    NOT NULL PRIMARY KEY,
  look    INTEGER NOT NULL -- nanoseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE INDEX history_rooms_by_look ON history_rooms (look);

-- The erasures that are not done yet, and how far they are.
CREATE TABLE history_erasures (
  user_id     BLOB    NOT NULL,
  room_id     TEXT    NOT NULL, -- empty: all rooms
  at_room     TEXT    NOT NULL, -- all rooms before this one are done
  at_position INTEGER NOT NULL, -- and this one, up to this position
  erased      INTEGER NOT NULL, -- messages
  time        INTEGER NOT NULL, -- of the last step, nanoseconds since 1970
  PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;

-- Which server changes pieces, and until when if it does not renew the lease;
-- nanoseconds since 1970, by this database's clock.
CREATE TABLE history_lease (
  id    INTEGER NOT NULL PRIMARY KEY,
  owner TEXT    NOT NULL,
  until INTEGER NOT NULL
) STRICT;

INSERT INTO history_lease (id, owner, until) VALUES (1, '', 0);
