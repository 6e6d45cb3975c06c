-- +goose Up

-- Which endpoints are told of which events.
CREATE TABLE webhooks (
  id          TEXT NOT NULL PRIMARY KEY,
  number      INTEGER NOT NULL, -- the order of lists
  name        TEXT NOT NULL,
  url         TEXT NOT NULL,
  events      BLOB NOT NULL, -- a JSON array
  rooms       BLOB NOT NULL, -- a JSON array of ids; null for other selections
  tag_key     TEXT, -- of the rooms; NULL for other selections
  tag_value   TEXT,
  state       TEXT NOT NULL,
  sealed      BLOB NOT NULL, -- the secrets, see seal.go
  last_error  BLOB NOT NULL, -- empty since a call succeeded
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT;

-- One row, whose version grows with each change of a webhook, so that servers read what
-- is new.
CREATE TABLE webhook_version (
  one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
) STRICT;

-- Changes of rooms and bans that webhooks want, on their way to the transcript.
CREATE TABLE webhook_outbox (
  number   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id       TEXT NOT NULL UNIQUE, -- of the event
  room_id  TEXT NOT NULL, -- '*' for every room
  time     INTEGER NOT NULL, -- nanoseconds since 1970
  webhooks TEXT NOT NULL, -- ARNs with spaces between them
  json     BLOB NOT NULL
) STRICT;
