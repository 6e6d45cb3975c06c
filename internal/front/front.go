// Package front has the sockets of a server, up to the point at which net/http
// or an event loop takes over: it opens the ports or inherits them, accepts no
// faster than the node can serve, and reads the heads of WebSocket handshakes.
//
// Listen opens the ports. Pace limits how fast the main port accepts. LimitSockets
// bounds how many connections there are, for all and for each client address.
// HandshakeListener takes plain handshakes out of what is accepted and passes
// everything else on to the HTTP server that NewHTTPServer makes.
package front
