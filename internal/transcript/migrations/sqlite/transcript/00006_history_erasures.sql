-- +goose Up

-- The erasures of users' messages: how far each one is, see Erasure. A row is forgotten
-- an hour after its last step.
CREATE TABLE erasures (
  user_id   BLOB    NOT NULL,
  room_id   TEXT    NOT NULL, -- empty: all rooms
  phase     INTEGER NOT NULL,
  at_record INTEGER NOT NULL, -- records of the transcript up to this position are done
  messages  INTEGER NOT NULL, -- that were removed
  started   INTEGER NOT NULL, -- nanoseconds since 1970
  time      INTEGER NOT NULL, -- of the last step
  PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;

-- The newest messages that an erasure has removed from a room, which its clients are to
-- be told of.
CREATE TABLE erased_messages (
  user_id  BLOB NOT NULL,
  scope    TEXT NOT NULL, -- room_id of the erasure
  room_id  TEXT NOT NULL,
  messages BLOB NOT NULL, -- JSON
  PRIMARY KEY (user_id, scope, room_id)
) STRICT, WITHOUT ROWID;

-- The hours of a room in which a reader was given messages of the user.
CREATE TABLE erased_logs (
  user_id   BLOB    NOT NULL,
  scope     TEXT    NOT NULL, -- room_id of the erasure
  room_id   TEXT    NOT NULL,
  reader_id INTEGER NOT NULL,
  hour      INTEGER NOT NULL, -- since 1970
  position  INTEGER NOT NULL, -- 0: it was given; else it was not when this record was removed, but may have been under way
  PRIMARY KEY (user_id, scope, room_id, reader_id, hour)
) STRICT, WITHOUT ROWID;
