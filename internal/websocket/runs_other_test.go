//go:build !linux

package websocket

// runsEpoll tells whether sockets are served by epoll.
const runsEpoll = false
