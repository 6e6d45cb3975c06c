-- +goose Up

-- The access key id of the credentials that made these over the API, which bound them;
-- empty for those that an administrator made.
ALTER TABLE credentials ADD COLUMN maker TEXT NOT NULL DEFAULT '';

CREATE INDEX credentials_by_maker ON credentials (maker);
