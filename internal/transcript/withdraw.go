package transcript

import (
	"context"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// withdrawLast is how far from its end the transcript is searched for frames that are withdrawn.
// They were stored some seconds before, or minutes if their node was suspended.
const withdrawLast = 100_000

// withdraw removes the frames that were stored and not delivered: their readers get them only if
// they have read them already.
func withdraw(ctx context.Context, s sqldb.Session, withdrawn []*chat.Frame) error {
	for _, w := range withdrawn {
		last, err := lastPosition(ctx, s)
		if err != nil {
			return err
		}
		var positions []int64
		err = s.Rows(ctx, `SELECT position, epoch, sequence, json FROM transcript WHERE room_id = $1 AND position > $2 AND time = $3`,
			[]any{w.RoomID, last - withdrawLast, w.Time.UnixNano()}, func(scan func(...any) error) error {
				var position, epoch, sequence int64
				var frame []byte
				if err := scan(&position, &epoch, &sequence, &frame); err != nil {
					return err
				}
				at := chat.Point{Epoch: uint64(epoch), Sequence: uint64(sequence)}
				if _, id := senderOf(frame); id == w.ID && !w.Point().Before(at) {
					positions = append(positions, position)
				}
				return nil
			})
		if err != nil {
			return err
		}
		for _, position := range positions {
			if _, err := s.Exec(ctx, `DELETE FROM transcript WHERE position = $1`, position); err != nil {
				return err
			}
		}
	}
	return nil
}
