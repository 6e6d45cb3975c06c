package erasure

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/transcript"
)

// tell tells the clients of rooms to remove messages, and reports whether all were told.
func (e *Eraser) tell(ctx context.Context, state *transcript.Erasure, by string) (bool, error) {
	until := time.Now().Add(tellTime)
	for {
		rooms, err := state.Rooms(ctx, tellRooms)
		if err != nil || len(rooms) == 0 {
			return err == nil, err
		}
		if !time.Now().Before(until) || ctx.Err() != nil {
			return false, ctx.Err()
		}
		// A room without clients needs no events.
		occupied := e.o.Nodes.Occupied(ctx, slices.Collect(maps.Keys(rooms)))
		var mu sync.Mutex // guards rooms and failed
		var telling sync.WaitGroup
		var failed error
		for room, messages := range rooms {
			if !slices.Contains(occupied, room) {
				rooms[room] = nil
				continue
			}
			telling.Go(func() {
				left, err := e.tellRoom(ctx, room, state.UserID, messages, by, until)
				mu.Lock()
				defer mu.Unlock()
				rooms[room] = left
				if err != nil {
					failed = err
				}
			})
		}
		telling.Wait()
		if err := state.Told(context.WithoutCancel(ctx), rooms); err != nil || failed != nil {
			return false, errors.Join(failed, err)
		}
	}
}

// tellRoom tells the clients of one room to remove messages of a user, the newest first, as many in a
// second as the room's rate of messages, and returns those that are left when the time is
// over.
func (e *Eraser) tellRoom(ctx context.Context, roomID, userID string, messages []transcript.Told, by string, until time.Time) (left []transcript.Told, err error) {
	room, err := e.o.Rooms.Room(ctx, roomID)
	if chat.CodeOf(err) == chat.NotFound {
		return nil, nil
	}
	if err != nil {
		return messages, err
	}
	pace := time.NewTicker(time.Second / time.Duration(max(room.MaximumMessageRatePerSecond, 1)))
	defer pace.Stop()
	for len(messages) > 0 && time.Now().Before(until) {
		onlyUser := ""
		if messages[0].Hidden {
			onlyUser = userID
		}
		err := e.o.Clients.DeleteMessage(ctx, roomID, messages[0].ID, onlyUser, by)
		switch chat.CodeOf(err) {
		case chat.Throttled: // By the account's quota. The next call continues.
			return messages, nil
		case chat.NotFound:
			return nil, nil
		}
		if err != nil {
			return messages, err
		}
		messages = messages[1:]
		select {
		case <-pace.C:
		case <-ctx.Done():
			return messages, ctx.Err()
		}
	}
	return messages, nil
}
