-- +goose Up

-- The chat tokens that were used. A row is of no more use once its token has expired.
CREATE TABLE redemptions (
  token_id BLOB    NOT NULL PRIMARY KEY,
  expires  INTEGER NOT NULL -- nanoseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE INDEX redemptions_by_expiry ON redemptions (expires);
