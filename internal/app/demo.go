package app

import (
	"context"
	"fmt"

	"confab/internal/chat"
	"confab/internal/config"
	"confab/internal/store"
)

// DemoRoomName is the name of the room that --dev makes.
const DemoRoomName = "demo"

// demoRoom returns the room of --dev. It is made at the first start.
func demoRoom(ctx context.Context, db *store.DB, cfg *config.Config) (*chat.Room, error) {
	name := DemoRoomName
	rooms, _, err := db.ListRooms(ctx, store.RoomFilter{Name: &name}, 1, "")
	if err != nil {
		return nil, fmt.Errorf("look for the room %s: %w", name, err)
	}
	if len(rooms) > 0 {
		return rooms[0], nil
	}
	room := &chat.Room{
		ARN:                         chat.ARN{Region: cfg.Region, Account: cfg.AccountID, Type: chat.RoomResource, ID: chat.NewID()},
		Name:                        name,
		MaximumMessageLength:        chat.DefaultMessageLength,
		MaximumMessageRatePerSecond: chat.DefaultMessageRate,
	}
	if err := db.CreateRoom(ctx, room, 0); err != nil {
		return nil, fmt.Errorf("create the room %s: %w", name, err)
	}
	return room, nil
}
