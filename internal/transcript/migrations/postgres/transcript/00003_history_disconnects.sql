-- +goose Up

-- Who was disconnected from which room, and when last: their chat tokens read its history
-- no more.
CREATE TABLE history_disconnects (
  room_id text   NOT NULL,
  user_id bytea  NOT NULL,
  time    bigint NOT NULL, -- nanoseconds since 1970
  PRIMARY KEY (room_id, user_id)
);

CREATE INDEX history_disconnects_by_time ON history_disconnects (time);
