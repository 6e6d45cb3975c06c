-- +goose Up

-- All times are nanoseconds since 1970. All tags are a JSON object of strings.

-- What the database says about itself, see seal.go and ping.go.
CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE logging_configurations (
  id               TEXT    NOT NULL PRIMARY KEY,
  name             TEXT    NOT NULL,
  create_time      INTEGER NOT NULL,
  update_time      INTEGER NOT NULL,
  destination_type TEXT    NOT NULL,
  destination_name TEXT    NOT NULL,
  state            TEXT    NOT NULL,
  tags             TEXT    NOT NULL
) STRICT;

CREATE INDEX logging_configurations_by_time ON logging_configurations (update_time, id);

CREATE TABLE rooms (
  id                     TEXT    NOT NULL PRIMARY KEY,
  name                   TEXT    NOT NULL,
  create_time            INTEGER NOT NULL,
  update_time            INTEGER NOT NULL,
  maximum_message_length INTEGER NOT NULL,
  maximum_message_rate   INTEGER NOT NULL,
  handler_uri            TEXT    NOT NULL, -- '' when nobody reviews
  handler_fallback       TEXT,             -- null in a room that never had a handler
  logging_given          INTEGER NOT NULL CHECK (logging_given IN (0, 1)), -- 0 when no list of logging configurations was ever given
  tags                   TEXT    NOT NULL
) STRICT;

-- Each order of ListRooms, and each filter, is the walk of one index.
CREATE INDEX rooms_by_time ON rooms (update_time, id);
CREATE INDEX rooms_by_name ON rooms (name, update_time, id);
CREATE INDEX rooms_by_handler ON rooms (handler_uri, update_time, id);

-- Which rooms log where, in the order in which it was given.
CREATE TABLE room_logging (
  room_id                  TEXT    NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  position                 INTEGER NOT NULL,
  logging_configuration_id TEXT    NOT NULL REFERENCES logging_configurations (id),
  update_time              INTEGER NOT NULL, -- the room's, for the index
  PRIMARY KEY (room_id, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX room_logging_by_configuration ON room_logging (logging_configuration_id, update_time, room_id);

CREATE TABLE credentials (
  access_key_id TEXT    NOT NULL PRIMARY KEY,
  name          TEXT    NOT NULL UNIQUE,
  sealed        BLOB    NOT NULL, -- secret access key and session token, see seal.go
  expires       INTEGER,          -- null: never
  policy        TEXT    NOT NULL, -- an IAM policy document
  create_time   INTEGER NOT NULL
) STRICT;

CREATE TABLE token_keys (
  id          INTEGER NOT NULL PRIMARY KEY,
  create_time INTEGER NOT NULL,
  sealed      BLOB    NOT NULL
) STRICT;
