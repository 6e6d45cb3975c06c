// Package reconcile makes the members of a new view equal in the rooms of one home, before that
// home opens: the flush of virtual synchrony. It asks all members how far they are (state.go),
// decides with which log each room continues, gets the home what it lacks, and gives the other
// members what they lack (complete.go). Members that were together in their last view first get
// what one of them has delivered (level.go), also where the log with which the room continues
// begins later (bridge.go). A home whose log is young gets older frames, so that it knows the
// operations that clients repeat (deepen.go).
//
// Run ends when all are equal, or when the view does.
package reconcile
