-- +goose Up

-- Applications that sign chat tokens themselves.
CREATE TABLE signers (
  name         TEXT    NOT NULL PRIMARY KEY,
  algorithm    TEXT    NOT NULL,
  sealed       BLOB    NOT NULL, -- the secret or the public key, see seal.go
  rooms        TEXT    NOT NULL, -- a JSON array of patterns of ARNs
  capabilities TEXT    NOT NULL, -- a JSON array
  create_time  INTEGER NOT NULL
) STRICT;
