-- +goose Up

-- Which server delivers to a reader, and until when if it does not say so again;
-- nanoseconds since 1970, by this database's clock.
ALTER TABLE readers ADD COLUMN lease_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE readers ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;

-- Which batch of frames each server wrote last, see writeFrames.
CREATE TABLE writers (
  owner TEXT    NOT NULL PRIMARY KEY,
  batch BLOB    NOT NULL,
  time  INTEGER NOT NULL -- nanoseconds since 1970
) STRICT, WITHOUT ROWID;
