package cluster

import "context"

// AskOne asks one other member, and reports whether it has answered with success in time.
func AskOne(ctx context.Context, n *Node, member, topic string, body []byte) (answer []byte, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	a, err := request[queryAnswer](ctx, n, member, kindAsk, query{topic, body})
	return a.Body, err == nil && a.OK
}

// Holders returns the members that get every frame of a room, with sessions or without: its
// home, then its keepers.
func (v *View) Holders(room string) []string {
	home := v.home(room)
	if home == "" {
		return nil
	}
	return append([]string{home}, v.keepers(room, home)...)
}
