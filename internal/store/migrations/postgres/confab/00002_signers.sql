-- +goose Up

-- Applications that sign chat tokens themselves.
CREATE TABLE signers (
  name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  algorithm    TEXT COLLATE "C" NOT NULL,
  sealed       BYTEA            NOT NULL, -- the secret or the public key, see seal.go
  rooms        TEXT COLLATE "C" NOT NULL, -- a JSON array of patterns of ARNs
  capabilities TEXT COLLATE "C" NOT NULL, -- a JSON array
  create_time  BIGINT           NOT NULL
);
