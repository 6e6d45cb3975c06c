-- +goose Up

-- The erasures of users' messages: how far each one is, see Erasure. A row is forgotten
-- an hour after its last step.
CREATE TABLE erasures (
  user_id   BYTEA  NOT NULL,
  room_id   TEXT COLLATE "C" NOT NULL, -- empty: all rooms
  phase     BIGINT NOT NULL,
  at_record BIGINT NOT NULL, -- records of the transcript up to this position are done
  messages  BIGINT NOT NULL, -- that were removed
  started   BIGINT NOT NULL, -- nanoseconds since 1970
  time      BIGINT NOT NULL, -- of the last step
  PRIMARY KEY (user_id, room_id)
);

-- The newest messages that an erasure has removed from a room, which its clients are to
-- be told of.
CREATE TABLE erased_messages (
  user_id  BYTEA NOT NULL,
  scope    TEXT COLLATE "C" NOT NULL, -- room_id of the erasure
  room_id  TEXT COLLATE "C" NOT NULL,
  messages BYTEA NOT NULL, -- JSON
  PRIMARY KEY (user_id, scope, room_id)
);

-- The hours of a room in which a reader was given messages of the user.
CREATE TABLE erased_logs (
  user_id   BYTEA  NOT NULL,
  scope     TEXT COLLATE "C" NOT NULL, -- room_id of the erasure
  room_id   TEXT COLLATE "C" NOT NULL,
  reader_id BIGINT NOT NULL,
  hour      BIGINT NOT NULL, -- since 1970
  position  BIGINT NOT NULL, -- 0: it was given; else it was not when this record was removed, but may have been under way
  PRIMARY KEY (user_id, scope, room_id, reader_id, hour)
);
