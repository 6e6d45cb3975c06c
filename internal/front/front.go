// Package front handles the sockets of a server until net/http or an event loop takes
// over. It opens or inherits the ports, accepts connections, and reads the heads of
// WebSocket handshakes.
//
// Listen opens the ports. AcceptPlain accepts connections for few system calls.
// LimitSockets limits the number of connections, in total and for each client address.
// Queue accepts ahead of the server. HandshakeListener serves plain handshakes itself and
// passes all other connections to the HTTP server that NewHTTPServer makes.
package front
