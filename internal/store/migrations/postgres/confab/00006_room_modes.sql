-- +goose Up

-- What moderators have set over a room's tags: a JSON array, '' for nothing.
ALTER TABLE rooms ADD COLUMN modes TEXT NOT NULL DEFAULT '';
