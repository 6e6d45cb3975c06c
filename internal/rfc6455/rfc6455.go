// Package rfc6455 is the server's side of the grammar of the WebSocket protocol:
// handshakes, frames, messages and Close frames. It parses and encodes bytes and
// does no I/O; package websocket serves the connections.
//
//	ParseHead, CheckUpgrade   a handshake, from bytes or from net/http
//	Upgrade.Response          its answer
//	Parser                    bytes of a client → messages and control frames
//	AppendFrame, CloseFrame   what a server sends
//
// Every parser of untrusted bytes has a fuzz target. Section numbers in comments
// refer to RFC 6455, unless another document is named.
package rfc6455
