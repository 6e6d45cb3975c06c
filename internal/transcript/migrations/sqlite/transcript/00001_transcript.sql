-- +goose Up

-- The frames that rooms delivered. Positions grow and are never used again, so
-- that a reader may remember the last one it has read.
CREATE TABLE transcript (
  position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  room_id  TEXT    NOT NULL,
  epoch    INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  time     INTEGER NOT NULL, -- nanoseconds since 1970
  type     TEXT    NOT NULL,
  json     BLOB    NOT NULL
) STRICT;

CREATE INDEX transcript_by_room ON transcript (room_id, position);
