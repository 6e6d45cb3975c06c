// Package stream has the two ends of what a home sends to a member in one view: items with
// counts from 1. Out gives the counts, keeps items until members have acknowledged them, and
// says which are safe because another member has them. In puts what arrives in order, and says
// what is missing, so that it can be requested again (negative acknowledgements).
//
// Neither end has a lock or a goroutine, and nothing is sent here.
package stream
