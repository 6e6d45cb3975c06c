//go:build !linux

package websocket

// runsEpoll reports whether sockets are served by epoll.
const runsEpoll = false
