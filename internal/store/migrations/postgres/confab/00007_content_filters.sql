-- +goose Up

-- What may not be said, in a room or in all. Every change of a filter takes the next number
-- of change, so that servers read what is new. A filter that was deleted stays for a day
-- without its rules, with deleted set, and the newest change stays for ever.
CREATE TABLE content_filters (
  room_id     TEXT COLLATE "C" NOT NULL, -- '' for every room
  name        TEXT COLLATE "C" NOT NULL,
  change      BIGINT NOT NULL,
  action      TEXT COLLATE "C" NOT NULL,
  message     BYTEA   NOT NULL, -- empty: the default
  terms       BYTEA   NOT NULL, -- an array in JSON
  expressions BYTEA   NOT NULL, -- an array in JSON
  term_count  BIGINT NOT NULL,
  expression_count BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  deleted     BIGINT NOT NULL CHECK (deleted IN (0, 1)),
  PRIMARY KEY (room_id, name)
);

CREATE INDEX content_filters_by_change ON content_filters (change);
