-- +goose Up

-- Each run of a server that has told webhooks who is in rooms. Other servers take over
-- the rooms of a run that does not say in time that it is there.
CREATE TABLE webhook_runs (
  run  TEXT NOT NULL PRIMARY KEY,
  seen INTEGER NOT NULL -- nanoseconds since 1970; 0 after a clean stop
) STRICT;

-- The rooms with users of whom a run has told webhooks.
CREATE TABLE webhook_attendance (
  run      TEXT NOT NULL,
  room_id  TEXT NOT NULL,
  webhooks TEXT NOT NULL, -- ARNs with spaces between them
  PRIMARY KEY (run, room_id)
) STRICT;
