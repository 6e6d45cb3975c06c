-- +goose Up

-- The chat tokens that were used. A row is of no more use once its token has expired.
CREATE TABLE redemptions (
  token_id BYTEA  NOT NULL PRIMARY KEY,
  expires  BIGINT NOT NULL -- nanoseconds since 1970
);

CREATE INDEX redemptions_by_expiry ON redemptions (expires);
