-- +goose Up

-- The moderation log: who did what to whom.
CREATE TABLE moderation_events (
  number       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id           TEXT    NOT NULL UNIQUE,
  time         INTEGER NOT NULL, -- nanoseconds since 1970
  action       TEXT    NOT NULL,
  room_id      TEXT    NOT NULL, -- '' for every room
  user_id      BLOB    NOT NULL, -- empty: none, or not known
  message_id   TEXT    NOT NULL, -- '' for none
  by_principal BLOB    NOT NULL, -- an ARN, or empty
  by_user      BLOB    NOT NULL, -- a user id, or empty
  reason       BLOB    NOT NULL,
  details      BLOB    NOT NULL  -- an object in JSON, or empty
) STRICT;

CREATE INDEX moderation_events_by_time ON moderation_events (time, number);
CREATE INDEX moderation_events_by_room ON moderation_events (room_id, time, number);
CREATE INDEX moderation_events_by_user ON moderation_events (user_id, time, number);
