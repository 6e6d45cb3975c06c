// Package rfc6455 is the grammar of the WebSocket protocol as a server needs it:
// handshakes, frames, the messages that they make up, and Close frames. It reads
// and writes bytes and knows no connection; package websocket does the rest.
//
//	ParseHead, CheckUpgrade   a handshake, from bytes or from net/http
//	Upgrade.Response          its answer
//	Parser                    bytes of a client → messages and control frames
//	AppendFrame, CloseFrame   what a server sends
//
// Every parser of outside bytes has a fuzz target. The numbers of sections in
// comments are those of RFC 6455, unless another document is named.
package rfc6455
