package cluster

import "confab/internal/view"

// Owner returns the id of the node that should do the work that key names.
func (n *Node) Owner(key string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.view.Home(key)
}

// View returns the current view; its number is 0 before the first.
func (n *Node) View() view.View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.view.View
}

// OtherConnections returns how many connections the other members had at their last heartbeat.
func (n *Node) OtherConnections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members.Connections(n.view.Members)
}
