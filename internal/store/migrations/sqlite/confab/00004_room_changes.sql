-- +goose Up

-- Which rooms were changed or deleted lately, in the order of the changes: for nodes that
-- a notice of one did not reach. Numbers are never used again.
CREATE TABLE room_changes (
  number  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  room_id TEXT    NOT NULL,
  time    INTEGER NOT NULL -- nanoseconds since 1970
) STRICT;
