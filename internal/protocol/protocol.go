// Package protocol has the messages between the nodes of a cluster: what they say, the bytes
// that say it, their subjects, and the times within which they have to arrive. It decides
// nothing. What is read here comes from other processes, of this release or another, so every
// reader is fuzzed.
//
// A frame travels as an Item on the stream of its room's home (item.go), several of them as a
// Batch (batch.go), and is confirmed with an Ack. A client's operation travels to the home as a
// DoQuestion (operation.go). Heartbeats have a full form and a brief one (heartbeat.go,
// brief.go). The questions of a view change are JSON (questions.go, history.go).
//
// PROTOCOL.md in package cluster says who sends what, when, and what its loss costs.
package protocol

// Version is that of all messages. Fields that a later release appends to an item are skipped
// by nodes that do not know them, and need no new version. A release that changes what is there
// needs one: it reads both, and speaks the new one only when all members say in their
// heartbeats that they read it. A node does not join nodes that speak a version that it does
// not read; see package membership.
const Version = 1
