-- +goose Up

-- Who reads the transcript: a logging configuration as long as it has one
-- destination. When its destination is changed, that is another reader, and the
-- first one still is owed what was delivered until then.
CREATE TABLE readers (
  id                       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  logging_configuration_id TEXT    NOT NULL,
  destination_type         TEXT    NOT NULL,
  destination_name         TEXT    NOT NULL,
  UNIQUE (logging_configuration_id, destination_type, destination_name)
) STRICT;

-- The ids of the readers that a frame is for, each between spaces: ' 3 17 '.
-- They were decided when it was appended.
ALTER TABLE transcript ADD COLUMN readers TEXT NOT NULL DEFAULT '';

-- How far each reader is in each room. A row lives as long as there may be
-- something to deliver or to prune.
CREATE TABLE backlogs (
  reader_id  INTEGER NOT NULL REFERENCES readers (id),
  room_id    TEXT    NOT NULL,
  delivered  INTEGER NOT NULL, -- up to this position, everything was acknowledged
  head       INTEGER NOT NULL, -- the last position that may be owed
  since      INTEGER NOT NULL, -- no frame that is owed is older; nanoseconds since 1970
  bytes      INTEGER NOT NULL, -- of what is owed, about
  object_key TEXT,             -- the S3 object that is being written, from delivered
  object_to  INTEGER,          -- up to this position
  PRIMARY KEY (reader_id, room_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX backlogs_by_room ON backlogs (room_id);
CREATE INDEX backlogs_by_time ON backlogs (reader_id, since) WHERE delivered < head;
CREATE INDEX backlogs_by_size ON backlogs (reader_id, bytes) WHERE delivered < head;
