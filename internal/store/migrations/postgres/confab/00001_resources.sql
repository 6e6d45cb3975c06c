-- +goose Up

-- All times are nanoseconds since 1970. All tags are a JSON object of strings.
-- Text is compared byte by byte, as SQLite does it, whatever the database's own
-- order is.

-- What the database says about itself, see seal.go and ping.go.
CREATE TABLE settings (
  name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  value BYTEA            NOT NULL
);

CREATE TABLE logging_configurations (
  id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  name             TEXT COLLATE "C" NOT NULL,
  create_time      BIGINT           NOT NULL,
  update_time      BIGINT           NOT NULL,
  destination_type TEXT COLLATE "C" NOT NULL,
  destination_name TEXT COLLATE "C" NOT NULL,
  state            TEXT COLLATE "C" NOT NULL,
  tags             TEXT COLLATE "C" NOT NULL
);

CREATE INDEX logging_configurations_by_time ON logging_configurations (update_time, id);

CREATE TABLE rooms (
  id                     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  name                   TEXT COLLATE "C" NOT NULL,
  create_time            BIGINT           NOT NULL,
  update_time            BIGINT           NOT NULL,
  maximum_message_length BIGINT           NOT NULL,
  maximum_message_rate   BIGINT           NOT NULL,
  handler_uri            TEXT COLLATE "C" NOT NULL, -- '' when nobody reviews
  handler_fallback       TEXT COLLATE "C", -- null in a room that never had a handler
  logging_given          BIGINT           NOT NULL CHECK (logging_given IN (0, 1)), -- 0 when no list of logging configurations was ever given
  tags                   TEXT COLLATE "C" NOT NULL
);

-- Each order of ListRooms, and each filter, is the walk of one index.
CREATE INDEX rooms_by_time ON rooms (update_time, id);
CREATE INDEX rooms_by_name ON rooms (name, update_time, id);
CREATE INDEX rooms_by_handler ON rooms (handler_uri, update_time, id);

-- Which rooms log where, in the order in which it was given.
CREATE TABLE room_logging (
  room_id                  TEXT COLLATE "C" NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  position                 BIGINT           NOT NULL,
  logging_configuration_id TEXT COLLATE "C" NOT NULL REFERENCES logging_configurations (id),
  update_time              BIGINT           NOT NULL, -- the room's, for the index
  PRIMARY KEY (room_id, position)
);

CREATE UNIQUE INDEX room_logging_by_configuration ON room_logging (logging_configuration_id, update_time, room_id);

CREATE TABLE credentials (
  access_key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  name          TEXT COLLATE "C" NOT NULL UNIQUE,
  sealed        BYTEA            NOT NULL, -- secret access key and session token, see seal.go
  expires       BIGINT,          -- null: never
  policy        TEXT COLLATE "C" NOT NULL, -- an IAM policy document
  create_time   BIGINT           NOT NULL
);

CREATE TABLE token_keys (
  id          BIGINT NOT NULL PRIMARY KEY,
  create_time BIGINT NOT NULL,
  sealed      BYTEA  NOT NULL
);
