-- +goose Up

-- What may not be said, in a room or in all. Every change of a filter takes the next number
-- of change, so that servers read what is new. A filter that was deleted stays for a day
-- without its rules, with deleted set, and the newest change stays for ever.
CREATE TABLE content_filters (
  room_id     TEXT    NOT NULL, -- '' for every room
  name        TEXT    NOT NULL,
  change      INTEGER NOT NULL,
  action      TEXT    NOT NULL,
  message     BLOB    NOT NULL, -- empty: the default
  terms       BLOB    NOT NULL, -- an array in JSON
  expressions BLOB    NOT NULL, -- an array in JSON
  term_count  INTEGER NOT NULL,
  expression_count INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  deleted     INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  PRIMARY KEY (room_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX content_filters_by_change ON content_filters (change);
